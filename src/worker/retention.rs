//! What must be forgotten is forgotten: soon after the start, then every ten minutes. What goes when stands in
//! docs/RECORD.md; [`crate::db::retention`] does it, one worker at a time.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    db::{Db, DbError, retention::sweep},
    metrics::Metrics,
};

/// Between two sweeps.
const PERIOD: Duration = Duration::from_secs(600);

/// After one that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(60);

/// Sweeps until `stop`. Tickets keep what names them for `keep_tickets_days` after the end of their day.
pub async fn run(db: Db, metrics: Arc<Metrics>, keep_tickets_days: u32, stop: CancellationToken) {
    // A step that is cut off is rolled back, and found again by the next sweep.
    stop.run_until_cancelled(keep_sweeping(&db, &metrics, keep_tickets_days)).await;
}

async fn keep_sweeping(db: &Db, metrics: &Metrics, keep_tickets_days: u32) {
    let mut failing = false;
    loop {
        let swept = sweep_once(db, metrics, keep_tickets_days).await;
        // An outage is one line, not one a minute.
        match &swept {
            Err(error) if !failing => tracing::warn!(%error, "nothing can be forgotten"),
            Err(_) => {}
            Ok(()) if failing => tracing::info!("what is due is forgotten again"),
            Ok(()) => {}
        }
        failing = swept.is_err();
        if !failing {
            metrics.retention_swept_timestamp_seconds.set(clock::now() as f64 / 1_000.0);
        }
        tokio::time::sleep(if failing { RETRY_PAUSE } else { PERIOD }).await;
    }
}

async fn sweep_once(db: &Db, metrics: &Metrics, keep_tickets_days: u32) -> Result<(), DbError> {
    let swept = sweep(db, keep_tickets_days, |step| {
        for (what, rows) in step.figures() {
            metrics.retention_erased.with_label_values(&[what]).inc_by(rows);
        }
    });
    match swept.await? {
        Some(swept) if !swept.is_nothing() => tracing::info!(?swept, "forgotten"),
        Some(_) => {}
        None => tracing::debug!("another worker forgets"),
    }
    Ok(())
}
