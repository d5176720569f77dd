//! Marked patient data in every use and every refusal: no log line, metric, store file or error body shows it (C-10).

use almanac_harness::canary::Canary;
use almanac_harness::{Client, Daemon, Options};

/// Sends the marks in every place that a request has; no refusal may repeat them.
fn refuse(canary: &Canary, client: &Client, path: &str, second: &str, broken: &str) {
    let refused = [
        client.put(path, broken),
        client.put(path, canary.event().replace("BEGIN:VEVENT", &format!("BEGIN:{}", canary.summary()))),
        client
            .put_request(path, canary.event())
            .header("If-Match", format!("\"{}\"", canary.summary()))
            .send(),
        client.put_request(path, canary.event()).header("If", format!("(<urn:{}>)", canary.summary())).send(),
        client.request("PUT", path).header("Content-Type", canary.summary()).body(canary.event()).send(),
        client.request("PROPFIND", path).header("Depth", canary.summary()).send(),
        client.request("PROPFIND", path).header("Depth", "0").xml(&format!("<{}", canary.summary())).send(),
        client.request(&canary.summary().replace('-', "").to_ascii_uppercase(), path).send(),
        client.request("MOVE", path).header("Destination", format!("http://{}/x", canary.summary())).send(),
        client.request("REPORT", path).xml(&format!("<x:{0} xmlns:x=\"urn:{0}\"/>", canary.summary())).send(),
        client.sync(second, &format!("urn:{}", canary.summary())),
        client.get(&format!("{second}none-{}", canary.href())),
        client.get(&format!("{path}%00")),
        client.get(&format!("/{}", canary.summary())),
        client.get(&format!("/dav/?{}", canary.summary())),
        client.sign_in_with(&canary.login(), &canary.summary()).get(path),
        client.request("GET", path).header("Authorization", canary.summary()).send(),
        client.request("GET", "/.well-known/caldav").header("Host", canary.summary()).send(),
        client
            .request("GET", path)
            .header("User-Agent", canary.summary())
            .header("Referer", canary.summary())
            .send(),
    ];
    for answer in refused.iter().filter(|a| a.status >= 400) {
        canary.assert_unseen("an error body", &answer.to_string());
    }
    assert!(
        refused.iter().all(|a| a.status < 500 || a.status == 502),
        "{:?}",
        refused.each_ref().map(|r| r.status)
    );
}

/// Writes, queries, moves, deletes and refuses the marked event at the log level `level`.
fn exercise(level: &str, format: &str) {
    let mut daemon = Daemon::start_with(Options::new().set("log.level", level).set("log.format", format));
    let canary = daemon.canary().clone();
    let person = canary.person();
    let client = daemon.client(person);
    let path = person.object(&canary.href());

    let second = person.collection(&canary.summary());
    let _ = client.request("MKCALENDAR", &second).send().expect(201);
    let patch = format!(
        "<D:set><D:prop><D:displayname>{0}</D:displayname><x:{0} xmlns:x=\"urn:{0}\">{0}</x:{0}></D:prop></D:set>",
        canary.summary()
    );
    assert_eq!(client.proppatch(&second, &patch).status, 207);
    let target = format!("{second}{}", canary.href());
    let _ = client.request("MOVE", &path).header("Destination", &target).send().expect(201);
    let _ = client.request("COPY", &target).header("Destination", &path).send().expect(201);
    let _ = client.get(&second).expect(200);
    let _ = client.sync(&second, "").expect(207);
    let matching = format!(
        "<D:prop><D:getetag/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\"><C:prop-filter name=\"SUMMARY\"><C:text-match>{}</C:text-match></C:prop-filter></C:comp-filter></C:comp-filter></C:filter>",
        canary.summary()
    );
    assert_eq!(
        client.report(&second, "C:calendar-query", &matching).multistatus().members(),
        [canary.href()]
    );
    let search = format!(
        "<D:property-search><D:prop><D:displayname/></D:prop><D:match>{}</D:match></D:property-search><D:prop/>",
        canary.login()
    );
    let _ = client
        .report_request("/dav/principals/", "D:principal-property-search", &search)
        .header("Depth", "0")
        .send()
        .expect(207);

    let broken = canary.event().replace("END:VEVENT", &format!("RRULE:{}\r\nEND:VEVENT", canary.summary()));
    refuse(&canary, &client, &path, &second, &broken);
    let import =
        daemon.cli_with_input(&["import", "-", &format!("{}/calendar", canary.login())], broken.as_bytes());
    canary.assert_unseen("an import's answer", &import.stderr.replace(&canary.login(), ""));
    let _ = client.delete(&path).expect(204);
    let listed = daemon.cli(&["trash", "list", "--json"]).json();
    canary.assert_unseen("a list of the trash", &listed.to_string().replace(&canary.login(), ""));
    let id = listed["entries"][0]["id"].as_str().unwrap();
    let _ = daemon.cli(&["trash", "restore", id]).ok();
    let _ = client.delete(&path).expect(204);
    let _ = client.delete(&second).expect(204);
    daemon.restart();
    // Dropping the daemon looks for the marks in all logs, the metrics and every file of the state folder.
}

#[test]
fn at_the_usual_log_level() {
    exercise("info", "json");
}

#[test]
fn at_the_most_talkative_log_level() {
    exercise("debug", "text");
}

#[test]
fn a_crash_leaves_nothing_in_the_state_folder() {
    let mut daemon = Daemon::start();
    daemon.kill9();
    // Dropping it looks at the files as the crash left them.
    let canary = daemon.canary().clone();
    canary.assert_unseen_below(daemon.state());
}
