//! Who may come in: RFC 7617, and the promises about app passwords.

use almanac_harness::{Client, Response, ics};

use crate::{METHODS, erika};

/// What a stranger can compare: all but the date and the id of the request.
fn comparable(response: &Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let volatile = ["date", "x-request-id", "request-id"];
    let headers = response.headers.iter().filter(|(n, _)| !volatile.contains(&n.as_str())).cloned().collect();
    (response.status, headers, response.body.clone())
}

fn assert_challenged(answer: &Response, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {answer}");
    let challenges = answer.header_values("www-authenticate");
    assert_eq!(challenges.len(), 1, "{what}: {answer}");
    assert!(challenges[0].starts_with("Basic realm=\""), "{what}: {answer}");
}

#[test]
fn every_method_without_credentials_is_challenged_once() {
    let (daemon, erika, _) = erika();
    let stranger = daemon.anonymous();
    for method in METHODS {
        for path in [
            "/",
            "/dav/",
            &erika.home(),
            &erika.calendar(),
            &erika.object("a.ics"),
            "/dav/principals/nobody/",
        ] {
            assert_challenged(&stranger.request(method, path).send(), &format!("{method} {path}"));
        }
    }
}

#[test]
fn unknown_login_wrong_secret_and_disabled_person_look_the_same() {
    let (daemon, erika, client) = erika();
    let path = erika.calendar();
    let ask = |c: &Client| comparable(&c.request("PROPFIND", &path).header("Depth", "0").send());
    let unknown = ask(&client.sign_in_with("nobody", &erika.secret));
    let wrong = ask(&client.sign_in_with("erika", "aaaaaaaaaaaaaaaaaaaaaaaaaa"));
    let none = ask(&daemon.anonymous());
    let _ = daemon.cli(&["user", "disable", "erika"]).ok();
    let disabled = ask(&client);
    assert_eq!(unknown.0, 401);
    assert_eq!(unknown, wrong);
    assert_eq!(unknown, none);
    assert_eq!(unknown, disabled);
    let _ = daemon.cli(&["user", "enable", "erika"]).ok();
    assert_eq!(ask(&client).0, 207);
}

#[test]
fn malformed_credentials_are_challenged_and_never_an_error() {
    let (daemon, erika, client) = erika();
    let right = client.authorization().trim_start_matches("Basic ").to_owned();
    let bad = [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic Og==",
        "Basic ZXJpa2E=",
        "Bearer x",
        "Digest username=\"erika\"",
        "Basic /////w==",
        &format!("Basic {right} {right}"),
        &format!("Basic {}", "QUFB".repeat(5000)),
    ];
    for value in bad {
        let answer =
            daemon.anonymous().request("GET", &erika.calendar()).header("Authorization", value).send();
        assert_challenged(&answer, value);
    }
    let request = daemon.anonymous().request("GET", &erika.calendar());
    let twice = request
        .header("Authorization", format!("Basic {right}"))
        .header("Authorization", "Basic eDp5")
        .send();
    assert_challenged(&twice, "credentials twice");
    let lower = daemon
        .anonymous()
        .request("GET", &erika.calendar())
        .header("Authorization", format!("basic {right}"));
    let _ = lower.send().expect(200); // the scheme is case-insensitive (RFC 9110 section 11.1)
}

#[test]
fn an_app_password_is_26_characters_and_dies_at_once_when_revoked() {
    let (daemon, erika, client) = erika();
    assert_eq!(erika.secret.len(), 26);
    assert!(
        erika.secret.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)),
        "{}",
        erika.secret
    );
    let _ = client.get(&erika.calendar()).expect(200);

    let second = daemon.cli(&["app-password", "add", "erika", "--label", "phone"]).ok().trim().to_owned();
    let phone = client.sign_in_with("erika", &second);
    let _ = phone.get(&erika.calendar()).expect(200);

    let list = daemon.cli(&["app-password", "list", "erika", "--json"]).json();
    assert!(
        !list.to_string().contains(&second) && !list.to_string().contains(&erika.secret),
        "secrets are shown once"
    );
    let row = list.as_array().unwrap().iter().find(|p| p["label"] == "phone").unwrap();
    let _ = daemon.cli(&["app-password", "revoke", "erika", row["id"].as_str().unwrap()]).ok();
    let _ = phone.get(&erika.calendar()).expect(401);
    let _ = client.get(&erika.calendar()).expect(200);
}

#[test]
fn a_removed_person_is_gone_and_the_login_is_free_again() {
    let (daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let _ = daemon.cli(&["user", "remove", "erika"]).ok();
    let _ = client.get(&erika.object("a.ics")).expect(401);
    let again = daemon.person("erika");
    let client = daemon.client(&again);
    assert_eq!(client.members(&again.calendar()), Vec::<String>::new(), "nothing of the namesake is left");
}

#[test]
fn a_failed_sign_in_is_one_greppable_line_without_the_login() {
    let (daemon, erika, client) = erika();
    let _ = client.sign_in_with("erika-the-intruder", "x").get(&erika.calendar()).expect(401);
    let line = daemon.await_log(|line| line.contains("sign-in failed")).expect("a line about it");
    assert!(line.contains("127.0.0.1"), "{line}");
    assert!(!daemon.log().contains("erika-the-intruder"));
}

#[test]
fn logins_of_many_shapes_work_or_are_refused_at_once() {
    let daemon = almanac_harness::Daemon::start();
    let (longest, too_long) = ("x".repeat(64), "x".repeat(65));
    for (login, accepted) in [
        ("nora@praxis.example", true),
        ("nora.lindqvist", true),
        ("NORA", true),
        ("nora_1", true),
        ("nora-2", true),
        ("nora+3", true),
        ("4nora", true),
        ("a", true),
        (&longest, true),
        (&too_long, false),
        ("jürgen", false),
        (".nora", false),
        ("nora lind", false),
        ("nora:lind", false),
    ] {
        let made = daemon.cli(&[
            "user",
            "add",
            login,
            "--tenant",
            almanac_harness::TENANT,
            "--email",
            "nora@example.invalid",
            "--display-name",
            "N",
            "--role",
            "patient",
        ]);
        if !accepted {
            let _ = made.failed(2);
            continue;
        }
        let _ = made.ok();
        let secret = daemon.cli(&["app-password", "add", login, "--label", "x"]).ok().trim().to_owned();
        let client = daemon.anonymous().sign_in_with(login, &secret);
        let found = client.propfind("/", "0", &["D:current-user-principal"]).multistatus();
        let principal = found.only().prop("D:current-user-principal").unwrap().hrefs()[0].to_owned();
        let found = client.propfind(&principal, "0", &["C:calendar-home-set"]).multistatus();
        let home = found.only().prop("C:calendar-home-set").unwrap().hrefs()[0].to_owned();
        assert_eq!(found.only().href, principal, "one spelling of an href");
        let _ = client.put(&format!("{home}calendar/a.ics"), ics::simple("a")).expect(201);
        let listing = client.propfind(&format!("{home}calendar/"), "1", &["D:getetag"]).multistatus();
        assert_eq!(listing.hrefs(), [format!("{home}calendar/"), format!("{home}calendar/a.ics")]);
    }
}

#[test]
fn an_open_connection_ends_its_rights_with_the_app_password() {
    let (daemon, erika, client) = erika();
    let mut wire = client.connect().unwrap();
    let mut ask = || {
        wire.send(client.request("GET", &erika.calendar()).to_bytes()).unwrap();
        wire.read_response("GET").unwrap().status
    };
    assert_eq!(ask(), 200);
    let _ = daemon.cli(&["user", "disable", "erika"]).ok();
    assert_eq!(ask(), 401);
    let _ = daemon.cli(&["user", "enable", "erika"]).ok();
    assert_eq!(ask(), 200);
    let list = daemon.cli(&["app-password", "list", "erika", "--json"]).json();
    let _ = daemon.cli(&["app-password", "revoke", "erika", list[0]["id"].as_str().unwrap()]).ok();
    assert_eq!(ask(), 401);
}
