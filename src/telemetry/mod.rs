//! Logs: JSON lines on standard error for machines, `format=text` for people.
//!
//! `WAITLESS_LOG` is a filter as `tracing` knows it (`info,waitless::hub=debug`), plus one part of our own that
//! chooses the format. Invariant: no ticket id, phone, name or address of a guest is ever a log field.

use std::{io, path::Path};

use tracing_subscriber::{
    EnvFilter, fmt::writer::BoxMakeWriter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

pub mod log_file;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Text,
}

/// Starts logging for the life of the process. If standard error is this file, it is set aside when it is large.
///
/// # Errors
/// One sentence, when `log` is not a filter.
pub fn start(log: &str, file: Option<&Path>) -> Result<(), String> {
    let (filter, format) = parse(log)?;
    let registry = tracing_subscriber::registry().with(filter);
    let writer = match file.and_then(log_file::Writer::of_standard_error) {
        Some(writer) => BoxMakeWriter::new(std::sync::Mutex::new(writer)),
        None => BoxMakeWriter::new(io::stderr),
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let started = match format {
        // Without the list of spans: a request has one, and each would be written twice.
        Format::Json => registry.with(layer.json().flatten_event(true).with_span_list(false)).try_init(),
        Format::Text => registry.with(layer.with_ansi(io::IsTerminal::is_terminal(&io::stderr()))).try_init(),
    };
    started.map_err(|error| format!("logging cannot be started: {error}"))
}

fn parse(log: &str) -> Result<(EnvFilter, Format), String> {
    let mut format = Format::Json;
    let mut directives = Vec::new();
    for part in log.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("format", "text")) => format = Format::Text,
            Some(("format", "json")) => format = Format::Json,
            Some(("format", other)) => return Err(format!("WAITLESS_LOG: format={other} is neither text nor json")),
            None if !is_level(part) && !part.contains("::") && !part.contains('[') => {
                // `tracing` would take a misspelt level for the name of a module and log everything of it.
                return Err(format!("WAITLESS_LOG: `{part}` is not one of off, error, warn, info, debug, trace"));
            }
            _ => directives.push(part),
        }
    }
    let directives = if directives.is_empty() { "info".to_owned() } else { directives.join(",") };
    let filter = EnvFilter::builder()
        .parse(&directives)
        .map_err(|error| format!("WAITLESS_LOG: `{directives}` is not a log filter: {error}"))?;
    Ok((filter, format))
}

fn is_level(word: &str) -> bool {
    ["off", "error", "warn", "info", "debug", "trace"].iter().any(|level| word.eq_ignore_ascii_case(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_a_part_of_the_filter() {
        let check = |log: &str| parse(log).map(|(filter, format)| (filter.to_string(), format));
        assert_eq!(check("info"), Ok(("info".to_owned(), Format::Json)));
        assert_eq!(check("format=text"), Ok(("info".to_owned(), Format::Text)));
        assert_eq!(check("warn, format=text"), Ok(("warn".to_owned(), Format::Text)));
        assert_eq!(check("waitless::hub=debug,format=json"), Ok(("waitless::hub=debug".to_owned(), Format::Json)));
    }

    #[test]
    fn a_bad_filter_is_refused_in_one_line() {
        for log in ["loud", "waitless=loud", "format=xml", "info,[broken"] {
            let problem = parse(log).expect_err(log);
            assert!(problem.starts_with("WAITLESS_LOG") && !problem.contains('\n'), "{log}: {problem}");
        }
    }
}
