//! What the runs of `tests/bench` found, in one table: `bench.json` for machines, a page with plots for people.
//!
//! Nothing is measured here. A row without a figure says so; a peer that cannot be rerun here is cited, by its ratio to the
//! floor on the machine where it was measured, and never as if it had been measured with the others.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use crate::plot::{Line, plot};

/// Servers that were measured beside ours, in the order of the table.
const PEERS: [&str; 6] = ["floor", "axum", "axum-tuned", "nchan", "ws", "socket-io"];

/// One table of what was found.
#[derive(Args)]
pub(crate) struct Options {
    /// Folder of what the runs found: `<row>.<server>.json`
    folder: PathBuf,
    /// The table
    #[arg(long, default_value = "target/bench.json")]
    out: PathBuf,
    /// The page
    #[arg(long, default_value = "target/bench.html")]
    html: PathBuf,
}

/// A line of the table.
struct Row {
    measure: &'static str,
    unit: &'static str,
    /// Which run it is from, and where in its report.
    run: &'static str,
    at: &'static str,
    /// Not rerun here: against the floor of the machine where it was measured.
    cited: &'static [(&'static str, f64)],
}

const ROWS: &[Row] = &[
    Row {
        measure: "RSS per idle watched phone (peers: per idle subscriber)",
        unit: "KiB",
        run: "idle",
        at: "/memory/rss_kib_per_screen",
        cited: &[],
    },
    Row {
        measure: "kernel memory per connection, both ends, TCP buffers and slabs",
        unit: "KiB",
        run: "idle",
        at: "/memory/kernel_slab_kib_per_screen",
        cited: &[],
    },
    Row {
        measure: "server CPU per million frames, 5,000 screens × 5 changes/s",
        unit: "s",
        run: "steady",
        at: "/traffic/server_cpu_s_per_million_frames",
        cited: &[("uWebSockets", 1.0), ("centrifuge", 2.8), ("Sockudo", 3.1)],
    },
    Row {
        measure: "server CPU per 1,000 changes, 5,000 screens × 5 changes/s",
        unit: "s",
        run: "steady",
        at: "/traffic/server_cpu_s_per_thousand_changes",
        cited: &[],
    },
    Row {
        measure: "frames/s, one room of all, saturated",
        unit: "1/s",
        run: "saturated",
        at: "/traffic/frames_per_s",
        cited: &[("uWebSockets", 2.08), ("centrifuge", 0.38), ("Sockudo", 0.39)],
    },
    // A frame shows the newest of all changes since the one before: what is merged was shown, too.
    Row {
        measure: "changes shown on screens, one room of all, saturated",
        unit: "1/s",
        run: "saturated",
        at: "/traffic/shown_per_s",
        cited: &[("uWebSockets", 2.08), ("centrifuge", 0.38), ("Sockudo", 0.39)],
    },
    Row {
        measure: "one change to all in one room, p99",
        unit: "ms",
        run: "one",
        at: "/traffic/freshness/p99_ms",
        cited: &[("uWebSockets", 1.17), ("centrifuge", 1.6), ("Sockudo", 1.81)],
    },
    Row {
        measure: "1,000 rooms, 400 changes/s, p99",
        unit: "ms",
        run: "rooms",
        at: "/traffic/freshness/p99_ms",
        cited: &[("uWebSockets", 1.2), ("centrifuge", 6.0), ("Sockudo", 8.6)],
    },
    Row {
        measure: "1,000 rooms, 400 changes/s, p50",
        unit: "ms",
        run: "rooms",
        at: "/traffic/freshness/p50_ms",
        cited: &[],
    },
    Row {
        measure: "1,000 rooms: the change's own request, p50",
        unit: "ms",
        run: "rooms",
        at: "/traffic/answer/p50_ms",
        cited: &[],
    },
    Row {
        measure: "Redis commands per change, those inside scripts too",
        unit: "",
        run: "rooms",
        at: "/traffic/redis_commands_per_change",
        cited: &[],
    },
    Row {
        measure: "connects/s with first state delivered",
        unit: "1/s",
        run: "one",
        at: "/connect/per_second",
        cited: &[],
    },
    Row {
        measure: "1,000 rooms with appendfsync always, p99",
        unit: "ms",
        run: "fsync",
        at: "/traffic/freshness/p99_ms",
        cited: &[],
    },
    Row {
        measure: "personal: server CPU per million frames, 5,000 phones × 5 changes/s",
        unit: "s",
        run: "steady-phones",
        at: "/traffic/server_cpu_s_per_million_frames",
        cited: &[],
    },
    Row {
        measure: "personal: frames/s, one room of all, saturated",
        unit: "1/s",
        run: "saturated-phones",
        at: "/traffic/frames_per_s",
        cited: &[],
    },
    Row {
        measure: "personal: one change to all in one room, p99",
        unit: "ms",
        run: "one-phones",
        at: "/traffic/freshness/p99_ms",
        cited: &[],
    },
    Row {
        measure: "personal: 1,000 rooms, 400 moves/s, p99",
        unit: "ms",
        run: "rooms-phones",
        at: "/traffic/freshness/p99_ms",
        cited: &[],
    },
    Row {
        measure: "personal: connects/s with first state delivered",
        unit: "1/s",
        run: "one-phones",
        at: "/connect/per_second",
        cited: &[],
    },
    Row {
        measure: "reconnect: all show the newest state again after",
        unit: "s",
        run: "reconnect",
        at: "/all_shown_s",
        cited: &[],
    },
    Row {
        measure: "rush: frames sent against telling each every change of its position",
        unit: "",
        run: "rush",
        at: "/frames_against_all",
        cited: &[],
    },
    Row {
        measure: "rush: frames sent against telling everybody every change of the place",
        unit: "",
        run: "rush",
        at: "/frames_against_broadcast",
        cited: &[],
    },
    Row {
        measure: "rush: stalest screen with 5 or fewer ahead",
        unit: "ms",
        run: "rush",
        at: "/stalest_ms/next 5",
        cited: &[],
    },
];

/// Reports by row and server.
type Reports = BTreeMap<(String, String), Value>;

/// Makes the table and the page.
///
/// # Errors
/// When the folder or its files cannot be read, or nothing can be written.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let reports = read(&options.folder)?;
    let table: Vec<Value> = ROWS.iter().map(|row| line(row, &reports)).collect();
    fs::write(&options.out, serde_json::to_string_pretty(&table)?)?;
    for line in &table {
        println!("{}", text(line));
    }
    println!("cited, not rerun: uWebSockets, centrifuge, Sockudo (by their ratio to the floor, docs/BENCHMARKS.md)");
    let plots = plots(&reports)?;
    for (name, _, svg) in &plots {
        fs::write(options.folder.join(name).with_extension("svg"), svg)?;
    }
    fs::write(&options.html, page(&table, &plots)?).context("--html")?;
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<Reports> {
    let mut reports = Reports::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((row, server)) = name.strip_suffix(".json").and_then(|stem| stem.split_once('.')) else { continue };
        let report = serde_json::from_str(&fs::read_to_string(&path)?).with_context(|| name.to_owned())?;
        reports.insert((row.to_owned(), server.to_owned()), report);
    }
    Ok(reports)
}

fn line(row: &Row, reports: &Reports) -> Value {
    let of = |server: &str| reports.get(&(row.run.to_owned(), server.to_owned()));
    let figure =
        |server: &str| of(server).and_then(|report| report.pointer(row.at)).filter(|figure| figure.is_number());
    let floor = figure("floor").cloned();
    let peers: serde_json::Map<String, Value> =
        PEERS[1..].iter().filter_map(|peer| Some(((*peer).to_owned(), figure(peer)?.clone()))).collect();
    let busy = |report: &Value| report.pointer("/traffic/others_busy_cores").and_then(Value::as_f64);
    let ratio = figure("ours").and_then(Value::as_f64).zip(floor.as_ref().and_then(Value::as_f64));
    json!({
        "measure": row.measure, "unit": row.unit, "run": row.run,
        "ours": figure("ours"), "floor": floor, "peers": peers,
        "ratio_to_floor": ratio.filter(|(_, floor)| *floor > 0.0).map(|(ours, floor)| ours / floor),
        "cited_not_rerun": row.cited.iter()
            .map(|(peer, ratio)| ((*peer).to_owned(), json!({ "ratio_to_floor": ratio })))
            .collect::<serde_json::Map<String, Value>>(),
        // While ours was measured; what each peer's was stands in its own report.
        "load_of_others": of("ours").and_then(busy),
        "load_of_others_by_server": PEERS.iter()
            .filter_map(|peer| Some(((*peer).to_owned(), busy(of(peer)?)?.into())))
            .collect::<serde_json::Map<String, Value>>(),
    })
}

fn text(line: &Value) -> String {
    let number = |value: &Value| value.as_f64().map_or_else(|| "–".to_owned(), short);
    let mut text = format!(
        "{:<72} {:>10} floor {:>10}",
        line["measure"].as_str().unwrap_or_default(),
        number(&line["ours"]),
        number(&line["floor"]),
    );
    for (peer, figure) in line["peers"].as_object().into_iter().flatten() {
        // Writing to a text cannot fail.
        let _ = write!(text, " {peer} {}", number(figure));
    }
    text
}

/// Three digits are as many as such a figure is good for.
fn short(figure: f64) -> String {
    match figure.abs() {
        large if large >= 10_000.0 => format!("{:.0} k", figure / 1_000.0),
        middle if middle >= 100.0 => format!("{figure:.0}"),
        small if small >= 1.0 => format!("{figure:.1}"),
        smaller if smaller >= 0.1 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

fn page(table: &[Value], plots: &[(&str, &str, String)]) -> anyhow::Result<String> {
    let mut html = String::from(
        "<!doctype html><html lang=en><meta charset=utf-8><title>WaitLess: measured</title>\
         <style>body{font:15px/1.5 system-ui;margin:2rem auto;max-width:70rem}td,th{padding:.2rem .6rem;text-align:right}\
         td:first-child,th:first-child{text-align:left}tr:nth-child(even){background:#f4f4f4}\
         b{white-space:nowrap}</style>\
         <h1>WaitLess, measured</h1><p>Figures of one row were taken one after the other on one machine; compare those only.</p>\
         <table><tr><th>measure<th>unit<th>ours",
    );
    for peer in PEERS {
        write!(html, "<th>{peer}")?;
    }
    html.push_str("<th>others busy, cores<th>cited, not rerun (ratio to the floor)</tr>");
    for line in table {
        let number = |value: &Value| value.as_f64().map_or_else(|| "–".to_owned(), short);
        let (measure, unit) = (line["measure"].as_str().unwrap_or_default(), line["unit"].as_str().unwrap_or_default());
        write!(html, "<tr><td>{}<td>{unit}<td><b>{}</b>", escaped(measure), number(&line["ours"]))?;
        for peer in PEERS {
            write!(html, "<td>{}", number(if peer == "floor" { &line["floor"] } else { &line["peers"][peer] }))?;
        }
        write!(html, "<td>{}<td>", number(&line["load_of_others"]))?;
        for (peer, cited) in line["cited_not_rerun"].as_object().into_iter().flatten() {
            write!(html, "{} {} ", escaped(peer), number(&cited["ratio_to_floor"]))?;
        }
    }
    html.push_str("</table>");
    for (_, title, svg) in plots {
        write!(html, "<h2>{}</h2>{svg}", escaped(title))?;
    }
    Ok(html)
}

/// The plots of what ran: name, title, SVG.
fn plots(reports: &Reports) -> anyhow::Result<Vec<(&'static str, &'static str, String)>> {
    let share = "percent of screens";
    let kinds: [(_, _, _, _, _, Points); 6] = [
        ("one", "One change to all: how long until a share of the screens shows it", "one", share, "ms", CURVE),
        ("rooms", "1,000 rooms: how long until a share of the screens shows a change", "rooms", share, "ms", CURVE),
        ("one-phones", "Personal frames, one change to all", "one-phones", "percent of phones", "ms", CURVE),
        ("memory", "Memory over connections", "one", "connections", "KiB RSS", MEMORY),
        ("saturated", "Throughput over time, saturated", "saturated", "s", "frames/s", THROUGHPUT),
        (
            "saturated-phones",
            "Throughput over time, personal frames, saturated",
            "saturated-phones",
            "s",
            "frames/s",
            THROUGHPUT,
        ),
    ];
    let mut plots = Vec::new();
    for (name, title, run, x, y, points) in kinds {
        let lines: Vec<Line> = reports
            .iter()
            .filter(|((row, _), _)| row == run)
            .map(|((_, server), report)| (server.clone(), points(report)))
            .filter(|(_, points)| points.len() > 1)
            .collect();
        if !lines.is_empty() {
            plots.push((name, title, plot(&lines, x, y)?));
        }
    }
    Ok(plots)
}

type Points = fn(&Value) -> Vec<(f64, f64)>;

const CURVE: Points = |report| pairs(&report["traffic"]["freshness"]["curve"]);
const MEMORY: Points = |report| pairs(&report["memory"]["rss_kib_while_connecting"]);
const THROUGHPUT: Points = |report| {
    let seconds = report["traffic"]["seconds"].as_array().into_iter().flatten();
    let points: Vec<_> =
        seconds.filter_map(|second| Some((second["at_s"].as_f64()?, second["frames"].as_f64()?))).collect();
    let start = points.first().map_or(0.0, |(at, _)| *at);
    points.into_iter().map(|(at, frames)| (at - start, frames)).collect()
};

fn pairs(value: &Value) -> Vec<(f64, f64)> {
    value.as_array().into_iter().flatten().filter_map(|pair| Some((pair[0].as_f64()?, pair[1].as_f64()?))).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports() -> Reports {
        let report = |p99: f64| json!({ "traffic": { "others_busy_cores": 0.5, "freshness": { "p99_ms": p99, "curve": [[0, 1.0], [100, p99]] } } });
        let mut reports = Reports::new();
        reports.insert(("one".into(), "ours".into()), report(300.0));
        reports.insert(("one".into(), "floor".into()), report(200.0));
        reports.insert(("one".into(), "ws".into()), report(400.0));
        reports
    }

    #[test]
    fn a_row_has_the_figures_of_its_own_runs_and_no_others() {
        let row = ROWS.iter().find(|row| row.run == "one").expect("a row");
        let found = line(row, &reports());
        assert_eq!((found["ours"].as_f64(), found["floor"].as_f64()), (Some(300.0), Some(200.0)));
        assert_eq!((found["ratio_to_floor"].as_f64(), found["load_of_others"].as_f64()), (Some(1.5), Some(0.5)));
        assert_eq!(found["peers"], json!({ "ws": 400.0 }), "who did not run is not there");
        let other = ROWS.iter().find(|row| row.run == "rooms" && row.at == "/traffic/freshness/p99_ms");
        assert_eq!(line(other.expect("a row"), &reports())["ours"], Value::Null, "it was not run");
    }

    #[test]
    fn the_page_shows_every_row_and_a_plot_of_what_ran() {
        let reports = reports();
        let table: Vec<Value> = ROWS.iter().map(|row| line(row, &reports)).collect();
        let page = page(&table, &plots(&reports).expect("plots")).expect("a page");
        for row in ROWS {
            assert!(page.contains(&escaped(row.measure)), "{}", row.measure);
        }
        assert!(page.contains("<svg") && page.contains("ours\n</text>"), "no plot with a legend");
    }
}
