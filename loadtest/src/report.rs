//! What the cases of a run found: a table for people, and one file for programs.
//!
//! A case is a JSON object `{case, ok, took_s, figures…}`. Whatever is wrong with the reports themselves (a file that is no
//! report, a case that was expected and is not there) is a case that is not ok, so the file never says less than the exit
//! code.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

/// As wide as a table gets.
const WIDTH: usize = 120;

/// Merges the `*.json` of a folder into one file, and prints them.
///
/// # Errors
/// Any case is not ok, or there is none.
pub(crate) fn run(folder: &Path, out: &Path, expected: &[String]) -> anyhow::Result<()> {
    let mut cases = read(folder)?;
    complete(&mut cases, expected);
    finish(&cases, out)
}

/// Prints the cases, writes them, and says whether all is well.
///
/// # Errors
/// Any case is not ok, or there is none.
pub(crate) fn finish(cases: &[Value], out: &Path) -> anyhow::Result<()> {
    print!("{}", table(cases));
    fs::write(out, file(cases)).with_context(|| format!("{}", out.display()))?;
    ensure!(!cases.is_empty(), "there is no case to report");
    let failed: Vec<&str> = cases.iter().filter(|case| case["ok"] != true).map(name).collect();
    ensure!(failed.is_empty(), "not ok: {}", failed.join(", "));
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<Vec<Value>> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
            let file = path.file_stem().unwrap_or_default().to_string_lossy();
            cases.push(case(&text).unwrap_or_else(|problem| missing(&file, &format!("no report: {problem}"))));
        }
    }
    Ok(cases)
}

/// Reads one report.
fn case(text: &str) -> anyhow::Result<Value> {
    let case: Value = serde_json::from_str(text)?;
    ensure!(case["case"].is_string(), "it has no case");
    ensure!(case["ok"].is_boolean(), "it has no ok");
    ensure!(case["took_s"].is_number(), "it has no took_s");
    Ok(case)
}

/// Sorts by case; one that was expected and is not there, or is there twice, is not ok.
fn complete(cases: &mut Vec<Value>, expected: &[String]) {
    let mut seen = BTreeSet::new();
    let doubles: Vec<String> = cases.iter().map(name).filter(|name| !seen.insert(*name)).map(str::to_owned).collect();
    let absent: Vec<&String> = expected.iter().filter(|expected| !seen.contains(expected.as_str())).collect();
    let problems = doubles.iter().map(|name| missing(name, "two files report it"));
    let problems: Vec<Value> = problems.chain(absent.into_iter().map(|name| missing(name, "it was not run"))).collect();
    cases.extend(problems);
    cases.sort_by(|left, right| name(left).cmp(name(right)));
}

fn missing(case: &str, problem: &str) -> Value {
    json!({ "case": case, "ok": false, "took_s": 0, "problem": problem })
}

fn name(case: &Value) -> &str {
    case["case"].as_str().unwrap_or_default()
}

fn table(cases: &[Value]) -> String {
    let names = cases.iter().map(|case| name(case).chars().count()).max().unwrap_or(0).max("case".len());
    let mut table = format!("{:names$}  {:6}  {:>7}  figures\n", "case", "ok", "took_s");
    let indent = names + "  FAILED  ".len() + 7 + 2;
    for case in cases {
        let ok = if case["ok"] == true { "ok" } else { "FAILED" };
        let took = case["took_s"].as_f64().unwrap_or(0.0);
        let mut line = format!("{:names$}  {ok:6}  {took:>7.1}  ", name(case));
        let mut empty = true;
        for figure in figures(case) {
            let wide = line.chars().count() + figure.chars().count() + " · ".len() > WIDTH;
            if !empty && wide {
                let _ = writeln!(table, "{}", line.trim_end());
                line = " ".repeat(indent);
                empty = true;
            }
            let _ = write!(line, "{}{figure}", if empty { "" } else { " · " });
            empty = false;
        }
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}

/// `name value` of all that is not in a column of its own.
fn figures(case: &Value) -> impl Iterator<Item = String> {
    let figures = case.as_object().into_iter().flatten();
    figures.filter(|(name, _)| !["case", "ok", "took_s"].contains(&name.as_str())).map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        value => format!("{name} {value}"),
    })
}

/// An array with a case on each line.
fn file(cases: &[Value]) -> String {
    let lines: Vec<String> = cases.iter().map(|case| format!("  {case}")).collect();
    if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A folder with these files in it, and the path of the merged one.
    fn folder(test: &str, files: &[(&str, &str)]) -> (PathBuf, PathBuf) {
        let folder = std::env::temp_dir().join(format!("waitless-report-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("a file");
        }
        let out = folder.join("merged");
        (folder, out)
    }

    fn merged(out: &Path) -> Value {
        serde_json::from_str(&fs::read_to_string(out).expect("a file")).expect("JSON")
    }

    const GOOD: &str = r#"{"case":"b_good","ok":true,"took_s":1.26,"lost":0,"answers":{"200":3},"code":"none"}"#;

    #[test]
    fn reports_are_merged_in_order_and_other_files_left_alone() {
        let other = r#"{"case":"a_good","ok":true,"took_s":12}"#;
        let (folder, out) = folder("merged", &[("1.json", GOOD), ("2.json", other), ("readme.txt", "no report")]);
        run(&folder, &out, &["a_good".to_owned(), "b_good".to_owned()]).expect("all is well");
        let merged = merged(&out);
        assert_eq!(
            [&merged[0]["case"], &merged[1]["case"], &merged[2]],
            [&json!("a_good"), &json!("b_good"), &json!(null)]
        );
        assert_eq!(merged[1]["answers"], json!({ "200": 3 }));
    }

    /// What was merged of these files, and what the run ended with.
    fn failure(test: &str, files: &[(&str, &str)], expected: &[&str]) -> (Value, String) {
        let (folder, out) = folder(test, files);
        let expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        let problem = run(&folder, &out, &expected).expect_err("something is wrong").to_string();
        (merged(&out), problem)
    }

    #[test]
    fn a_case_that_failed_fails_the_run() {
        let (merged, problem) =
            failure("failed", &[("1.json", GOOD), ("2.json", r#"{"case":"bad","ok":false,"took_s":1}"#)], &[]);
        assert_eq!((merged[1]["ok"].as_bool(), problem.as_str()), (Some(false), "not ok: bad"));
    }

    #[test]
    fn a_file_that_is_no_report_fails_the_run() {
        let odd = [
            ("torn.json", r#"{"case":"x","ok":tr"#),
            ("list.json", "[1]"),
            ("vague.json", r#"{"case":"x","ok":"yes","took_s":1}"#),
            ("endless.json", r#"{"case":"x","ok":true}"#),
        ];
        let (merged, problem) = failure("odd", &odd, &[]);
        assert_eq!(problem, "not ok: endless, list, torn, vague");
        assert_eq!(merged[0]["problem"], "no report: it has no took_s");
    }

    #[test]
    fn a_case_that_is_not_there_or_there_twice_fails_the_run() {
        let (merged, problem) = failure("absent", &[("1.json", GOOD), ("2.json", GOOD)], &["b_good", "z"]);
        assert_eq!(problem, "not ok: b_good, z");
        assert_eq!([&merged[2]["problem"], &merged[3]["problem"]], ["two files report it", "it was not run"]);
        let (merged, problem) = failure("none", &[], &[]);
        assert_eq!((merged, problem.as_str()), (json!([]), "there is no case to report"));
    }

    #[test]
    fn the_table_is_aligned_and_wrapped() {
        let long = json!({
            "case": "redis_killed", "ok": false, "took_s": 12.34,
            "one": "x".repeat(60), "two": "y".repeat(60), "zero": 0,
        });
        let expected = format!(
            "case          ok       took_s  figures\n\
             b_good        ok          1.3  answers {{\"200\":3}} · code none · lost 0\n\
             redis_killed  FAILED     12.3  one {}\n\
             {:indent$}two {} · zero 0\n",
            "x".repeat(60),
            "",
            "y".repeat(60),
            indent = 31
        );
        let cases = [case(GOOD).expect("a report"), long];
        assert_eq!(table(&cases), expected);
        assert!(table(&cases).lines().all(|line| line.chars().count() <= WIDTH));
    }
}
