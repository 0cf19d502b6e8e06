//! `waitless dev` as a person meets it: real processes, real signals, and the lines and exit codes it promises.
//!
//! Every instance has a data folder and ports of its own, so these run beside each other and beside a system Redis
//! and PostgreSQL. They need no servers of the harness.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use waitless::telemetry::log_file;

use crate::harness::dev::{BINARY, DEADLINE, Dev, Disk, folder, is_alive, wait_for, waitless, with_settings};

/// Runs a command that is expected to end by itself; its exit code and what it said.
fn refused(command: &mut Command) -> (Option<i32>, String) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let watched = Pid::from_raw(child.id().cast_signed());
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if ended.recv_timeout(DEADLINE).is_err() {
            let _ = kill(watched, Signal::SIGTERM); // it started, which the assertion after this tells
        }
    });
    let Output { status, stderr, .. } = child.wait_with_output().expect("is waited for");
    let _ = done.send(());
    guard.join().expect("does not panic");
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

/// The one line that says why a start was refused.
fn only_line(stderr: &str) -> &str {
    let lines: Vec<&str> = stderr.lines().filter(|line| line.starts_with("waitless: ")).collect();
    assert_eq!(lines.len(), 1, "one clear line: {stderr}");
    lines[0]
}

/// Processes whose arguments or working folder name `folder`.
fn processes_in(folder: &Path) -> Vec<String> {
    let name = folder.to_str().expect("utf-8").to_owned();
    let entries = fs::read_dir("/proc").expect("Linux").flatten();
    entries
        .filter_map(|entry| {
            let process = entry.path();
            let pid = entry.file_name().to_str()?.parse::<u32>().ok()?;
            let arguments = String::from_utf8_lossy(&fs::read(process.join("cmdline")).ok()?).replace('\0', " ");
            let works_there = fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
            (pid != std::process::id() && (works_there || arguments.contains(&name)))
                .then(|| format!("{pid} {arguments}"))
        })
        .collect()
}

#[test]
fn it_says_ready_and_stops_without_a_trace() {
    let temp = folder();
    let data = temp.path().join("data");
    let mut dev = Dev::start(&data, temp.path());
    assert!(dev.serves(), "ready means reachable at {}", dev.url);
    let pids = ["dev", "server", "redis", "postgres"].map(|name| dev.pid(name).expect("has a pid file"));
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    assert_eq!(pids[0].as_raw(), dev.child.id().cast_signed());
    let config = |key: &str| dev.redis::<Vec<String>>(&["CONFIG", "GET", key]).expect("answers")[1].clone();
    assert_eq!([config("appendonly"), config("appendfsync"), config("save")], ["yes", "always", ""]);
    assert_eq!(config("maxmemory-policy"), "noeviction");
    assert_eq!(dev.sql("select count(*) from pg_database where datname = 'waitless'").expect("answers"), 1);
    for name in ["secret", "redis.url", "postgres.url"] {
        let mode = fs::metadata(data.join(name)).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is private");
    }
    assert_eq!(dev.stop(Signal::SIGTERM), Some(0));
    assert_eq!(processes_in(&data), Vec::<String>::new());
    for name in ["dev", "server", "redis", "postgres"] {
        assert!(dev.pid(name).is_none(), "{name}.pid is removed");
    }
    let mut again = Dev::start(&data, temp.path());
    assert_eq!(again.stop(Signal::SIGINT), Some(0), "SIGINT stops as well");
}

/// The password that a welcome names.
fn password(welcome: &str) -> String {
    let (_, behind) = welcome.split_once("with the password ").expect("a password");
    behind.lines().next().expect("a line").to_owned()
}

#[test]
fn for_the_phones_of_a_network_it_has_a_password_of_its_own_and_shows_a_code() {
    let temp = folder();
    let data = temp.path().join("data");
    let mut generated = Vec::new();
    for _ in 0..2 {
        let port = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound").port();
        let url = format!("http://127.0.0.1:{port}");
        let mut lan = waitless(&data, "dev");
        lan.arg("--lan").env("WAITLESS_LISTEN", format!("127.0.0.1:{port}")).env("WAITLESS_PUBLIC_URL", &url);
        let mut dev = Dev::run(lan, &data, temp.path());
        let welcome = dev.welcome();
        assert!(welcome.starts_with(&format!("ready {url}\n")), "{welcome}");
        for part in ["/?r=demo\n", "/kiosk/demo\n", "/board/demo\n", "/console/demo\n", "/docs\n"] {
            assert!(welcome.contains(&format!("{url}{part}")), "{part} in {welcome}");
        }
        let drawn: Vec<usize> = welcome
            .lines()
            .filter(|line| line.starts_with('█') || line.starts_with('▀'))
            .map(|line| line.chars().count())
            .collect();
        assert!(drawn.len() >= 15 && drawn.iter().all(|width| *width == drawn[0]), "a QR code: {welcome}");
        assert!(welcome.contains("https only") && !welcome.contains('\u{1b}'), "{welcome}");
        assert!(!welcome.contains("waitless-demo"), "{welcome}");
        assert!(dev.serves_elsewhere(), "all addresses are listened on");
        let password = password(&welcome);
        assert_eq!((dev.sign_in("waitless-demo"), dev.sign_in(&password)), (401, 200));
        generated.push(password);
        assert_eq!(dev.stop(Signal::SIGTERM), Some(0));
    }
    assert!(generated[0].len() >= 12 && generated[0] == generated[1], "the same one again: {generated:?}");
    let mode = fs::metadata(data.join("demo-password")).expect("kept").permissions().mode();
    assert_eq!(mode & 0o077, 0, "it is private");

    let dev = Dev::start(&data, temp.path());
    let welcome = dev.welcome();
    assert!(!welcome.contains('█') && password(&welcome) == "waitless-demo", "{welcome}");
    assert!(dev.serves() && !dev.serves_elsewhere(), "only this machine is listened to");
    assert_eq!((dev.sign_in("waitless-demo"), dev.sign_in(&generated[0])), (200, 401));
}

#[test]
fn a_machine_without_a_network_is_told_what_to_set() {
    let temp = folder();
    let data = temp.path().join("data");
    // A network namespace of its own has nothing but a loopback that is down.
    let mut alone = Command::new("unshare");
    alone.args(["--user", "--map-root-user", "--net", "--"]).arg(BINARY);
    let permitted = Command::new("unshare").args(["--user", "--map-root-user", "--net", "--", "true"]).status();
    if !permitted.is_ok_and(|status| status.success()) {
        eprintln!("not tried here: network namespaces are not permitted");
        return;
    }
    let (code, stderr) = refused(with_settings(alone, &data, "dev").arg("--lan"));
    assert_eq!(code, Some(2), "{stderr}");
    assert!(only_line(&stderr).contains("set WAITLESS_PUBLIC_URL"), "{stderr}");
}

#[test]
fn nohup_keeps_it_when_the_terminal_closes() {
    let temp = folder();
    let data = temp.path().join("data");
    let mut nohup = Command::new("nohup");
    nohup.arg(BINARY);
    let mut dev = Dev::run(with_settings(nohup, &data, "dev"), &data, temp.path());
    kill(Pid::from_raw(dev.child.id().cast_signed()), Signal::SIGHUP).expect("sent");
    dev.kill_child("server"); // somebody still looks after it
    assert_eq!(dev.stop(Signal::SIGTERM), Some(0));
}

#[test]
fn a_child_that_is_killed_is_started_again_with_its_data() {
    let temp = folder();
    let dev = Dev::start(&temp.path().join("data"), temp.path());
    dev.redis::<()>(&["SET", "kept", "1"]).expect("answers");
    dev.kill_child("redis");
    let kept = wait_for("redis", || dev.redis::<Option<String>>(&["GET", "kept"]).ok());
    assert_eq!(kept.as_deref(), Some("1"));
    dev.kill_child("server");
    wait_for("server", || dev.serves().then_some(()));
    dev.kill_child("postgres");
    wait_for("postgres", || dev.sql("select 1::bigint").ok());
    for name in ["redis", "server", "postgres"] {
        assert_eq!(dev.said().matches(&format!("{name} stopped (signal 9)")).count(), 1, "{}", dev.said());
    }
}

#[test]
fn a_large_log_is_set_aside_while_the_server_runs_and_no_line_is_lost() {
    let temp = folder();
    let data = temp.path().join("data");
    fs::DirBuilder::new().mode(0o700).create(&data).expect("made");
    let former = "what was said before\n".repeat(log_file::LEN_MAX as usize / 21 - 400);
    let [log, older] = ["server.log", "server.log.1"].map(|name| data.join(name));
    fs::write(&log, &former).expect("written");
    let dev = Dev::start(&data, temp.path());
    let ids: Vec<String> = (0..100).map(|nth| format!("refused-{nth}-of-them")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("built");
    runtime.block_on(async {
        let http = reqwest::Client::new();
        for id in &ids {
            let request = http.get(format!("{}/v1/nothing", dev.url)).header("x-request-id", id);
            assert_eq!(request.send().await.expect("an answer").status().as_u16(), 404);
        }
    });
    let last = ids.last().expect("some");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    wait_for("the last line", || read(&log).contains(last).then_some(()));
    let [before, after] = [&older, &log].map(|path| read(path));
    assert!(before.starts_with(&former) && before.len() <= log_file::LEN_MAX as usize, "{}", before.len());
    for id in &ids {
        let times = [&before, &after].map(|text| text.matches(&format!("\"{id}\"")).count());
        assert_eq!(times.iter().sum::<usize>(), 1, "{id}: {times:?}");
    }
    assert!(before.contains(&ids[0]), "the switch came between them");
    // A server that dies now is still explained, and the next one goes on with the new file.
    dev.kill_child("server");
    wait_for("server", || dev.serves().then_some(()));
    assert!(read(&log).starts_with(&after), "the next one goes on with it");
}

#[test]
fn what_a_killed_dev_left_is_replaced_and_its_data_kept() {
    let temp = folder();
    let data = temp.path().join("data");
    let mut killed = Dev::start(&data, temp.path());
    killed.redis::<()>(&["SET", "kept", "1"]).expect("answers");
    killed.sql("select count(*) from lo_create(4711)").expect("answers"); // a large object is data like any other
    let left = ["server", "redis", "postgres"].map(|name| killed.pid(name).expect("runs"));
    killed.stop(Signal::SIGKILL);
    let next = Dev::start(&data, temp.path());
    assert!(left.iter().all(|pid| !is_alive(*pid)), "the former ones are gone");
    assert_eq!(next.redis::<Option<String>>(&["GET", "kept"]).expect("answers").as_deref(), Some("1"));
    assert_eq!(next.sql("select count(*) from pg_largeobject_metadata where oid = 4711").expect("answers"), 1);
}

#[test]
fn children_that_outlived_their_dev_are_stopped_first() {
    let temp = folder();
    let data = temp.path().join("data");
    drop(Dev::start(&data, temp.path()));
    let home = data.join("store/redis");
    let mut redis = Command::new("redis-server")
        .arg("redis.conf")
        .current_dir(&home)
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    let mut server = waitless(&data, "serve");
    server.env("WAITLESS_REDIS_URL", "redis://127.0.0.1:1").env("WAITLESS_DATABASE_URL", "postgres://127.0.0.1:1/x");
    server.env("WAITLESS_SECRET", "0123456789abcdef0123456789abcdef").arg("--started-by-dev").arg(&data);
    let mut server = server.stderr(Stdio::null()).spawn().expect("starts");
    let dev = Dev::start(&data, temp.path());
    for left in [&mut redis, &mut server] {
        // A zombie until waited for, since it is ours; it has ended before dev was ready.
        let ended = left.try_wait().expect("is watched");
        left.kill().expect("killed or gone");
        left.wait().expect("is waited for");
        assert!(ended.is_some(), "it still ran beside the new one");
    }
    dev.redis::<()>(&["SET", "kept", "1"]).expect("answers");
}

#[test]
fn a_stranger_with_a_former_pid_is_left_alone() {
    let temp = folder();
    let data = temp.path().join("data");
    drop(Dev::start(&data, temp.path()));
    let mut stranger = Command::new("sleep").arg("600").spawn().expect("starts");
    let pid = stranger.id();
    for name in ["server", "redis", "postgres"] {
        fs::write(data.join(format!("{name}.pid")), format!("{pid}\n")).expect("written");
    }
    fs::write(data.join("store/postgres/postmaster.pid"), format!("{pid}\n{}\n0\n1\n\n\n 0 0\n", data.display()))
        .expect("written");
    let dev = Dev::start(&data, temp.path());
    assert_eq!(dev.sql("select 1::bigint").expect("answers"), 1);
    assert!(stranger.try_wait().expect("is watched").is_none(), "the stranger lives");
    stranger.kill().expect("killed");
    stranger.wait().expect("is waited for");
}

#[test]
fn a_long_path_with_a_space_that_nobody_else_enters_and_a_neighbour() {
    let temp = folder();
    let long = temp.path().join(format!("a b {}", "x".repeat(160 - temp.path().as_os_str().len())));
    fs::DirBuilder::new().mode(0o700).create(&long).expect("made");
    assert!(long.as_os_str().len() > 150);
    let neighbour = folder();
    let dev = Dev::start(&long.join(".waitless"), temp.path());
    let other = Dev::start(&neighbour.path().join(".waitless"), neighbour.path());
    dev.redis::<()>(&["SET", "mine", "1"]).expect("answers");
    assert_eq!(other.redis::<Option<String>>(&["GET", "mine"]).expect("answers"), None, "each has its own");
    assert_ne!(dev.private_url("postgres"), other.private_url("postgres"));
    assert!(dev.serves() && other.serves());
    let (code, stderr) = refused(&mut waitless(&dev.data, "dev"));
    assert_eq!(code, Some(3), "{stderr}");
    let pid = dev.child.id();
    assert!(only_line(&stderr).contains(&format!("another `waitless dev` (pid {pid})")), "{stderr}");
}

#[test]
fn a_busy_port_is_named() {
    let temp = folder();
    let busy = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = busy.local_addr().expect("bound").to_string();
    let mut serve = waitless(temp.path(), "serve");
    serve.env("WAITLESS_REDIS_URL", "redis://127.0.0.1:1").env("WAITLESS_DATABASE_URL", "postgres://127.0.0.1:1/x");
    serve.env("WAITLESS_SECRET", "0123456789abcdef0123456789abcdef");
    for mut command in [waitless(&temp.path().join("data"), "dev"), serve] {
        let (code, stderr) = refused(command.env("WAITLESS_LISTEN", &address));
        assert_eq!(code, Some(3), "{stderr}");
        let line = only_line(&stderr);
        assert!(line.contains(&format!("{address} is already in use")) && line.contains("WAITLESS_LISTEN"), "{line}");
    }
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    let temp = folder();
    let (code, stderr) = refused(waitless(&temp.path().join("data"), "dev").env("PATH", temp.path()));
    assert_eq!(code, Some(3), "{stderr}");
    let line = only_line(&stderr);
    assert!(line.contains("redis-server") && line.contains("apt-get install") && line.contains("util-linux"), "{line}");
}

#[test]
fn every_bad_setting_is_told_at_once() {
    let temp = folder();
    let (code, stderr) = refused(
        waitless(temp.path(), "serve")
            .env("WAITLESS_LISTEN", "nowhere")
            .env("WAITLESS_WORKER", "maybe")
            .env("WAITLESS_PUBLIC_URL", "")
            .env("WAITLESS_SECRET", "short"),
    );
    assert_eq!(code, Some(2), "{stderr}");
    for name in ["LISTEN", "WORKER", "SECRET", "REDIS_URL", "DATABASE_URL"] {
        assert_eq!(stderr.matches(&format!("WAITLESS_{name}")).count(), 1, "WAITLESS_{name} in {stderr}");
    }
    assert!(!stderr.contains("PUBLIC_URL"), "an empty variable is not set: {stderr}");
    let (code, stderr) = refused(waitless(temp.path(), "dev").env("WAITLESS_LOG", "loud"));
    assert_eq!((code, only_line(&stderr).contains("WAITLESS_LOG")), (Some(2), true), "{stderr}");
}

#[test]
fn an_unusable_data_folder_is_explained() {
    let temp = folder();
    let file = temp.path().join("file");
    fs::write(&file, "x").expect("written");
    let (code, stderr) = refused(&mut waitless(&file, "dev"));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(only_line(&stderr).contains("is not a folder"), "{stderr}");

    let data = temp.path().join("data");
    drop(Dev::start(&data, temp.path()));
    let cluster = data.join("store/postgres");
    let version = fs::read_to_string(cluster.join("PG_VERSION")).expect("read");
    fs::write(cluster.join("PG_VERSION"), "9\n").expect("written");
    let (code, stderr) = refused(&mut waitless(&data, "dev"));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(only_line(&stderr).contains("postgresql-9"), "{stderr}");

    fs::write(cluster.join("PG_VERSION"), version).expect("written");
    fs::write(cluster.join("global/pg_control"), "broken").expect("written");
    let (code, stderr) = refused(&mut waitless(&data, "dev"));
    assert_eq!(code, Some(3), "{stderr}");
    let line = only_line(&stderr);
    assert!(line.contains("postgres cannot be used") && line.contains("pg_control"), "{line}");
    assert_eq!(processes_in(&data), Vec::<String>::new(), "a refused start leaves nothing running");
}

#[test]
fn a_full_disk_is_said_once_and_survived() {
    let Some(disk) = Disk::new("128m") else { return };
    let logs = folder();
    let dev = Dev::start(&disk.0.path().join("data"), logs.path());
    dev.redis::<()>(&["SET", "kept", "1"]).expect("answers");
    let filler = disk.fill();
    wait_for("redis cannot write", || {
        let large = "x".repeat(1 << 16);
        dev.redis::<()>(&["SET", "large", &large]).err()
    });
    wait_for("the line", || dev.said().contains("redis stopped because the disk").then_some(()));
    fs::remove_file(filler).expect("removed");
    let kept = wait_for("redis", || dev.redis::<Option<String>>(&["GET", "kept"]).ok());
    assert_eq!(kept.as_deref(), Some("1"));
    wait_for("redis writes", || dev.redis::<()>(&["SET", "kept", "2"]).ok());
    assert_eq!(dev.said().matches("redis stopped because the disk").count(), 1, "said once: {}", dev.said());
    drop(dev);
}

#[test]
fn a_disk_too_full_to_start_on_is_named() {
    let Some(disk) = Disk::new("8m") else { return };
    let data = disk.0.path().join("data");
    let (code, stderr) = refused(&mut waitless(&data, "dev"));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(only_line(&stderr).contains("is full: free some space"), "{stderr}");
}
