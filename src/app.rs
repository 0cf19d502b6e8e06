//! Composition root: the one place that knows every part. Tests build the same app.

use tokio::net::TcpListener;

use crate::config::Config;

/// Serves until `stop` completes.
///
/// # Errors
/// When a part cannot be set up.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let _ = config;
    let router = axum::Router::new()
        .route("/healthz", axum::routing::get(|| async { "ok" }))
        .route("/readyz", axum::routing::get(|| async { "ok" }));
    axum::serve(listener, router).with_graceful_shutdown(stop).await?;
    Ok(())
}
