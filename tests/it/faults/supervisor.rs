//! `waitless dev` loses its children, or its disk, under load: it starts them again, and nothing acknowledged is lost.

use std::{fs, path::Path, time::Instant};

use nix::sys::signal::{Signal, kill};

use super::{
    crowd::Crowd,
    report::Report,
    scale,
    stage::{judge_of, open_screens},
};
use crate::harness::{
    dev::{BINARY, Dev, Disk, folder, is_alive, with_settings},
    dying_with_us, until,
};

/// A dev whose limits are off: all of a crowd comes from one address.
fn dev(data: &Path, logs: &Path) -> Dev {
    let mut command = with_settings(dying_with_us(BINARY), data, "dev");
    command.env("WAITLESS_LIMITS", "off");
    Dev::run(command, data, logs)
}

async fn ready(dev: &Dev) {
    until("it is ready again", async || {
        let answer = reqwest::get(format!("{}/readyz", dev.url)).await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_children_are_killed_in_turn() {
    let mut report = Report::of("children_killed");
    let temp = folder();
    let dev = dev(&temp.path().join("data"), temp.path());
    let supervisor = dev.pid("dev").expect("runs");
    let judge = judge_of(&dev.url).await;
    let screens = open_screens(&judge).await;
    for name in ["server", "redis", "postgres"].into_iter().cycle().take(3 * scale().min(3)) {
        let acknowledged = judge.acknowledged();
        let crowd = Crowd::of(&judge, 8);
        until("the crowd is at work", async || (judge.acknowledged() > acknowledged + 60).then_some(())).await;
        let former = dev.pid(name).expect("runs");
        kill(former, Signal::SIGKILL).expect("killed");
        until("it is started again", async || dev.pid(name).filter(|pid| *pid != former && is_alive(*pid)).map(drop))
            .await;
        ready(&dev).await;
        let healed = Instant::now();
        crowd.rest().await;
        let right_s = judge.screens_right(&screens, healed, &mut report).await;
        assert!(right_s < 7.5, "screens were right only {right_s} s after {name} was back");
        let said = format!("{name} stopped (signal 9)");
        assert!(dev.said().contains(&said), "{said}: {}", dev.said());
    }
    assert_eq!(dev.pid("dev"), Some(supervisor), "dev itself went on");
    judge.judge(&screens, &mut report).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_disk_is_full() {
    let Some(disk) = Disk::new("160m") else { return };
    let mut report = Report::of("disk_full");
    let logs = folder();
    let dev = dev(&disk.0.path().join("data"), logs.path());
    let judge = judge_of(&dev.url).await;
    let screens = open_screens(&judge).await;
    for round in 1..=scale().min(2) {
        let crowd = Crowd::of(&judge, 8);
        let acknowledged = judge.acknowledged();
        until("the crowd is at work", async || (judge.acknowledged() > acknowledged + 60).then_some(())).await;
        let refused = judge.answered("503");
        let filler = disk.fill();
        until("the crowd is refused", async || (judge.answered("503") > refused + 8).then_some(())).await;
        until("it is said why", async || {
            (dev.said().matches("redis stopped because the disk").count() >= round).then_some(())
        })
        .await;
        fs::remove_file(filler).expect("removed");
        let room = Instant::now();
        crowd.rest().await;
        judge.screens_right(&screens, room, &mut report).await;
        report.worst("healed_after_s", room.elapsed().as_secs_f64());
        until("it is said that it runs again", async || {
            (dev.said().matches("redis runs again").count() >= round).then_some(())
        })
        .await;
        assert_eq!(dev.said().matches("redis stopped because").count(), round, "one clear line: {}", dev.said());
    }
    judge.judge(&screens, &mut report).await;
}
