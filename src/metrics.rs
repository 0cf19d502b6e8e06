//! The figures of this server: one block declares them all, a doc comment is the help text that `/metrics` shows.
//!
//! Invariant: a label never carries anything that a client chose (no ids, no raw paths), so the number of series is
//! bounded.

use prometheus::{
    Encoder as _, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder, core::Collector,
};

/// Upper bounds of the buckets of durations, in seconds: a guest's blink is in the middle.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $kind:ident = $name:literal [$($label:literal),*];)+) => {
        /// Every figure.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            $($(#[doc = $help])+ pub $field: $kind,)+
        }

        impl Metrics {
            /// Names and help texts, for the docs and their test.
            pub const ALL: &[(&str, &str)] = &[$(($name, concat!($($help),+))),+];

            /// All figures at zero.
            #[must_use]
            pub fn new() -> Self {
                let registry = Registry::new();
                $(let $field = register(
                    &registry,
                    <$kind as Figure>::new($name, concat!($($help),+).trim(), &[$($label),*]),
                );)+
                Self { registry, $($field),+ }
            }
        }
    };
}

metrics! {
    /// Requests answered, by path template, method and status.
    http_requests: IntCounterVec = "waitless_http_requests_total" ["route", "method", "status"];
    /// Time to answer a request, by path template.
    http_request_seconds: HistogramVec = "waitless_http_request_duration_seconds" ["route"];
    /// Connections that are open, WebSockets included.
    http_connections: IntGauge = "waitless_http_connections" [];
    /// Connections closed at once because there were as many as may be.
    http_connections_refused: IntCounter = "waitless_http_connections_refused_total" [];
    /// Requests being answered now.
    http_in_flight: IntGauge = "waitless_http_requests_in_flight" [];
    /// Requests refused, by problem code.
    http_refusals: IntCounterVec = "waitless_http_refusals_total" ["code"];
    /// Parties that took a number, by channel.
    line_joins: IntCounterVec = "waitless_line_joins_total" ["channel"];
    /// Commands to live queues, by name and outcome: done, replayed, refused, failed.
    line_commands: IntCounterVec = "waitless_line_commands_total" ["command", "outcome"];
    /// Time of a command in Redis, the way there and back included.
    redis_call_seconds: HistogramVec = "waitless_redis_call_duration_seconds" ["command"];
    /// Restaurants opened by this server, by outcome: opened, present, failed.
    restaurants_opened: IntCounterVec = "waitless_restaurants_opened_total" ["outcome"];
    /// Events written to the durable record.
    recorder_events: IntCounter = "waitless_recorder_events_total" [];
    /// Age of the oldest event that was not recorded when this recorder last looked, in seconds.
    recorder_lag_seconds: Gauge = "waitless_recorder_lag_seconds" [];
    /// Partitions of the event log that this recorder has a lease for.
    recorder_partitions: IntGauge = "waitless_recorder_partitions" [];
    /// Partitions that this recorder has a lease for and cannot record, because PostgreSQL refuses what it writes.
    recorder_stopped: IntGauge = "waitless_recorder_stopped_partitions" [];
    /// Writes refused because the lease had gone to another recorder.
    recorder_fenced: IntCounter = "waitless_recorder_fenced_total" [];
    /// Log entries set aside as they are: they could not be read, or PostgreSQL refused them for their own values.
    recorder_dead_letters: IntCounter = "waitless_recorder_dead_letters_total" [];
    /// Gaps found in the revisions of restaurants.
    recorder_gaps: IntCounter = "waitless_recorder_gaps_total" [];
    /// Changes that this server had acknowledged and that were in no record when Redis had lost a restaurant.
    restaurants_changes_lost: IntCounter = "waitless_restaurants_changes_lost_total" [];
    /// Tickets that Redis had lost in coming back older, put back from the record.
    recorder_put_back: IntCounter = "waitless_recorder_put_back_total" [];
    /// Restaurants that Redis had lost and this server rebuilt from the record.
    restaurants_rebuilt: IntCounter = "waitless_restaurants_rebuilt_total" [];
    /// Sign-ins, by outcome: done, refused, limited.
    auth_sign_ins: IntCounterVec = "waitless_auth_sign_ins_total" ["outcome"];
    /// Sessions known to be revoked.
    auth_revoked_sessions: IntGauge = "waitless_auth_revoked_sessions" [];
    /// Rooms held by this server.
    hub_rooms: IntGauge = "waitless_hub_rooms" [];
    /// Watchers connected to this server, by kind: board, ticket, console.
    hub_watchers: IntGaugeVec = "waitless_hub_watchers" ["kind"];
    /// Frames sent to watchers, by type.
    hub_frames: IntCounterVec = "waitless_hub_frames_total" ["type"];
    /// Whole states that rooms have read.
    hub_snapshots: IntCounter = "waitless_hub_snapshots_total" [];
    /// Rows of the record that were forgotten: contact, answers, unread, events, anonymised, actors, faults.
    retention_erased: IntCounterVec = "waitless_retention_erased_total" ["what"];
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All figures in Prometheus's text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        // Encoding writes to memory; what fails would be a figure without a value, which is left out.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

fn register<F: Collector + Clone + 'static>(registry: &Registry, figure: F) -> F {
    registry.register(Box::new(figure.clone())).expect("Invariant: the names above are unique");
    figure
}

trait Figure {
    fn new(name: &str, help: &str, labels: &[&str]) -> Self;
}

const VALID: &str = "Invariant: the names and labels above are valid";

macro_rules! plain_figures {
    ($($kind:ident),+) => {$(
        impl Figure for $kind {
            fn new(name: &str, help: &str, labels: &[&str]) -> Self {
                debug_assert!(labels.is_empty(), "{name} has labels");
                $kind::with_opts(Opts::new(name, help)).expect(VALID)
            }
        }
    )+};
}

macro_rules! labelled_figures {
    ($($kind:ident),+) => {$(
        impl Figure for $kind {
            fn new(name: &str, help: &str, labels: &[&str]) -> Self {
                $kind::new(Opts::new(name, help), labels).expect(VALID)
            }
        }
    )+};
}

plain_figures!(Gauge, IntCounter, IntGauge);
labelled_figures!(IntCounterVec, IntGaugeVec);

impl Figure for HistogramVec {
    fn new(name: &str, help: &str, labels: &[&str]) -> Self {
        Self::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels).expect(VALID)
    }
}

impl Figure for Histogram {
    fn new(name: &str, help: &str, _labels: &[&str]) -> Self {
        Self::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec())).expect(VALID)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_part_thing_and_unit() {
        for (name, help) in Metrics::ALL {
            assert!(name.starts_with("waitless_") && name.split('_').count() >= 3, "{name}");
            assert!(help.trim().ends_with('.'), "{name}: {help}");
        }
    }

    #[test]
    fn figures_are_shown_with_their_help() {
        let metrics = Metrics::new();
        metrics.line_joins.with_label_values(&["onsite"]).inc();
        let text = metrics.text();
        assert!(text.contains("# HELP waitless_line_joins_total Parties that took a number, by channel."), "{text}");
        assert!(text.contains("waitless_line_joins_total{channel=\"onsite\"} 1"), "{text}");
    }
}
