//! What a case of fault injection found: printed, and written for `make faults` where it says so.

use std::{fs, path::PathBuf, time::Instant};

use serde_json::{Map, Value, json};

/// The report of one case; written when it is dropped, as failed if the test panics.
pub struct Report {
    case: &'static str,
    began: Instant,
    figures: Map<String, Value>,
}

impl Report {
    /// A case begins.
    pub fn of(case: &'static str) -> Self {
        Self { case, began: Instant::now(), figures: Map::new() }
    }

    /// Notes a figure. Names end in their unit: `_ms`, `_s`, or count things.
    pub fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// Notes a figure of which the worst counts, rounded to hundredths.
    pub fn worst(&mut self, name: &str, value: f64) {
        let known = self.figures.get(name).and_then(Value::as_f64).unwrap_or_default();
        self.figure(name, (value.max(known) * 100.0).round() / 100.0);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let mut report = Map::from_iter([
            ("case".to_owned(), json!(self.case)),
            ("ok".to_owned(), json!(!std::thread::panicking())),
            ("took_s".to_owned(), json!((self.began.elapsed().as_secs_f64() * 10.0).round() / 10.0)),
        ]);
        report.append(&mut self.figures);
        let report = Value::Object(report).to_string();
        println!("{report}");
        if let Ok(folder) = std::env::var("WAITLESS_REPORT_DIR") {
            let file = PathBuf::from(folder).join(format!("{}.json", self.case));
            // A second panic would hide the first.
            if let Err(error) = fs::write(&file, report) {
                eprintln!("{}: {error}", file.display());
            }
        }
    }
}
