//! Settings, and the files that start WaitLess elsewhere: what they name must exist. Docker itself is not run by this.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args as _, Command};
use serde_yaml_ng::Value;
use waitless::{config::Settings, metrics::Metrics};

use super::{all_between, assert_none, files, read, root};

struct Setting {
    variable: String,
    default: String,
    help: String,
}

fn settings() -> Vec<Setting> {
    let command = Settings::augment_args(Command::new("waitless"));
    let arguments = command.get_arguments().filter_map(|argument| Some((argument, argument.get_env()?)));
    arguments
        .map(|(argument, variable)| Setting {
            variable: variable.to_str().expect("ASCII").to_owned(),
            default: argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect(),
            help: argument.get_help().expect("every setting is explained").to_string(),
        })
        .collect()
}

/// Words like WAITLESS_SECRET.
fn variables(text: &str) -> BTreeSet<&str> {
    super::words(text).filter(|word| word.starts_with("WAITLESS_") && *word != "WAITLESS_").collect()
}

#[test]
fn the_sample_of_settings_is_complete() {
    let mut sample = "# Settings of WaitLess, as variables; each also is an option (`waitless --help`). Those that are commented out\n\
                      # show their default. Never commit a file with secrets in it.\n"
        .to_owned();
    for Setting { variable, default, help } in settings() {
        sample.push_str(&format!("\n# {help}\n#{variable}={default}\n"));
    }
    assert_eq!(read(".env.sample"), sample, ".env.sample follows src/config.rs; this is what it should be:\n{sample}");
}

#[test]
fn the_operators_table_of_settings_is_complete() {
    let document = read("docs/OPERATIONS.md");
    let mut rows = String::new();
    for Setting { variable, default, help } in settings() {
        let default = if default.is_empty() { "–".to_owned() } else { format!("`{default}`") };
        rows.push_str(&format!("| `{variable}` | {default} | {help} |\n"));
    }
    assert!(document.contains(&rows), "docs/OPERATIONS.md should have these rows:\n{rows}");
}

#[test]
fn the_operators_table_of_figures_is_complete() {
    let document = read("docs/OPERATIONS.md");
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| `waitless_")).collect();
    for (name, help) in Metrics::ALL {
        let (begin, end) = (format!("| `{name}` |"), format!("| {} |", help.trim()));
        let of_it = rows.iter().filter(|row| row.starts_with(&begin) && row.ends_with(&end));
        assert_eq!(of_it.count(), 1, "docs/OPERATIONS.md should have one row of {name}: {help}");
    }
    assert_eq!(rows.len(), Metrics::ALL.len(), "a figure that does not exist has a row");
}

fn compose() -> BTreeMap<String, Value> {
    let compose: Value = serde_yaml_ng::from_str(&read("docker-compose.yml")).expect("YAML");
    serde_yaml_ng::from_value(compose["services"].clone()).expect("services")
}

#[test]
fn files_name_only_settings_that_exist() {
    let known: BTreeSet<String> = settings().into_iter().map(|setting| setting.variable).collect();
    let mut problems = Vec::new();
    let deployed = ["deploy/nginx/waitless.conf", "deploy/haproxy/haproxy.cfg"];
    let told = ["docker-compose.yml", "Dockerfile", "README.md", "docs/OPERATIONS.md", "docs/BACKUP.md"];
    for path in told.into_iter().chain(deployed) {
        let text = read(path);
        // The tests' own servers are given by tests/run, the length of a soak to tests/soak.
        let of_tests = |name: &str| name.starts_with("WAITLESS_TEST_") || name == "WAITLESS_SOAK_MINUTES";
        let unknown = variables(&text).into_iter().filter(|name| !known.contains(*name) && !of_tests(name));
        problems.extend(unknown.map(|name| format!("{path}: {name} is not a setting")));
    }
    assert_none(&problems);
}

#[test]
fn compose_starts_a_durable_redis_and_waits_for_both() {
    let services = compose();
    let redis = serde_yaml_ng::to_string(&services["redis"]["command"]).expect("YAML");
    for setting in ["--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction", "--requirepass"] {
        assert!(redis.replace("\n- ", " ").contains(setting), "redis: {setting} in {redis}");
    }
    let app = &services["waitless"];
    for (service, condition) in
        [("redis", "service_healthy"), ("postgres", "service_healthy"), ("migrate", "service_completed_successfully")]
    {
        assert_eq!(app["depends_on"][service]["condition"].as_str(), Some(condition), "waitless waits for {service}");
    }
    let volumes: Value = serde_yaml_ng::from_str(&read("docker-compose.yml")).expect("YAML");
    for (service, value) in &services {
        if service != "migrate" {
            assert!(value["healthcheck"]["test"].is_sequence(), "{service} has a health check");
        }
        for volume in value["volumes"].as_sequence().into_iter().flatten() {
            let name = volume.as_str().and_then(|volume| volume.split(':').next()).expect("name:path");
            assert!(volumes["volumes"].get(name).is_some(), "{service}: volume {name} is named");
        }
    }
    let check = serde_yaml_ng::to_string(&app["healthcheck"]["test"]).expect("YAML");
    let api: String = files("src/api", "rs").into_iter().map(|(_, text)| text).collect();
    assert!(check.contains("/readyz") && api.contains("path = \"/readyz\""), "asks a route that exists: {check}");
    let port =
        app["environment"]["WAITLESS_LISTEN"].as_str().and_then(|listen| listen.rsplit(':').next()).expect("a port");
    assert!(check.contains(&format!("/dev/tcp/127.0.0.1/{port} ")), "at the port that is listened on: {check}");
    let published = app["ports"][0].as_str().expect("a port");
    assert!(published.ends_with(&format!(":{port}")), "{published}");
}

#[test]
fn images_are_pinned_and_secrets_are_not_here() {
    let compose_text = read("docker-compose.yml");
    let services = compose();
    let named = services.values().filter_map(|service| service["image"].as_str().map(str::to_owned));
    let dockerfile = read("Dockerfile");
    let from = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")?.split(' ').next().map(str::to_owned));
    for image in named.chain(from).filter(|image| !image.starts_with("waitless")) {
        let version = image.rsplit_once(':').map_or("", |(_, version)| version);
        assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{image} is not pinned to a version");
    }
    for line in compose_text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let secret = ["PASSWORD", "SECRET"].iter().any(|word| line.contains(word));
        assert!(!secret || line.contains(":?") || line.contains("$$"), "a secret comes from outside: {line}");
    }
}

#[test]
fn the_image_is_built_from_what_is_here_and_runs_as_nobody_special() {
    let dockerfile = read("Dockerfile");
    let ignored = read(".dockerignore");
    let build = dockerfile.split("\nFROM ").nth(1).expect("a build stage");
    for line in build.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        for path in line.split(' ').rev().skip(1) {
            assert!(root().join(path).exists(), "Dockerfile copies {path}");
            assert!(!ignored.lines().any(|line| line.trim_end_matches('/') == path), "{path} is in .dockerignore");
        }
    }
    // Whatever the binary includes when it is compiled must be in the build stage.
    let copied: BTreeSet<&str> =
        build.lines().filter_map(|line| line.strip_prefix("COPY ")).flat_map(|line| line.split(' ')).collect();
    for needed in ["Cargo.toml", "Cargo.lock", "build.rs", "src", "lua", "migrations", ".sqlx", "loadtest"] {
        assert!(copied.contains(needed), "the build stage lacks {needed}");
    }
    for (path, text) in files("src", "rs") {
        for included in all_between(&text, "include_str!(concat!(\"../../", "/").into_iter().chain(all_between(
            &text,
            "include_str!(\"../../",
            "/",
        )) {
            assert!(
                copied.contains(included) || root().join("src").join(included).exists(),
                "{path} includes {included}/"
            );
        }
    }
    let embedded: Vec<String> = files("src", "rs")
        .iter()
        .flat_map(|(_, text)| {
            all_between(text, "#[folder = \"", "\"]").into_iter().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert!(!embedded.is_empty(), "rust-embed embeds the pages");
    for folder in embedded {
        let top = folder.trim_start_matches("./").split('/').next().expect("a first part");
        assert!(copied.contains(top), "the build stage lacks {folder}, which rust-embed embeds");
    }
    assert!(build.contains("SQLX_OFFLINE=true") && build.contains("--release --locked"), "{build}");
    let rust = read("Cargo.toml")
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"').map(str::to_owned));
    assert!(
        build.starts_with(&format!("rust:{}-", rust.expect("a rust-version"))),
        "the image has the Rust of Cargo.toml"
    );
    let runtime = dockerfile.rsplit("\nFROM ").next().expect("a runtime stage");
    let user = runtime.lines().find_map(|line| line.strip_prefix("USER ")).expect("a user");
    assert!(user != "root" && !user.starts_with('0'), "{user}");
    assert!(runtime.contains("ENTRYPOINT [\"waitless\"]") && runtime.contains("CMD [\"serve\"]"), "{runtime}");
    let main = read("src/cli.rs");
    for command in ["Serve", "Migrate"] {
        assert!(main.contains(&format!("    {command}")), "waitless {command} exists");
    }
}
