//! Hostile text fails at its limit, and honest text costs in proportion to its length: counted, not timed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_ical::lines::Work;
use almanac_ical::tree::{read, read_counting};
use almanac_ical::{Invalid, Limits};

fn cost(text: &str, limits: &Limits) -> (Result<(), Invalid>, Work) {
    let mut work = Work::default();
    let result = read_counting(text.as_bytes(), limits, &mut work).map(drop);
    (result, work)
}

/// The default limits, with a text as large as one likes.
fn any_size() -> Limits {
    Limits { object_bytes_max: usize::MAX, ..Limits::default() }
}

fn calendar(inside: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{inside}END:VCALENDAR\r\n")
}

#[test]
fn a_text_beyond_the_limit_is_not_looked_at() {
    let (result, work) = cost(&calendar(&"X-A:1\r\n".repeat(200_000)), &Limits::default());
    assert_eq!((result, work), (Err(Invalid::TooLarge), Work::default()));
}

#[test]
fn a_5_mb_line_is_read_up_to_the_limit_however_it_is_folded() {
    let limits = any_size();
    let long = "x".repeat(5_000_000);
    for line in [
        format!("X-A:{long}\r\n"),
        format!("X-A:{}\r\n", "x\r\n ".repeat(1_250_000)),
        "X-A:\r\n ".repeat(1_000_000) + "\r\n",
    ] {
        let (result, work) = cost(&calendar(&line), &limits);
        assert!(matches!(result, Err(Invalid::Data(_))));
        assert!(work.octets <= 2 * limits.line_bytes_max as u64 + 100, "{work:?}");
    }
}

#[test]
fn nested_components_fail_at_the_depth_limit() {
    for depth in [8_000, 50_000] {
        let begins = "BEGIN:X-A\r\n".repeat(depth);
        let ends = "END:X-A\r\n".repeat(depth);
        for text in [
            calendar(&format!("{begins}{ends}")),
            format!("BEGIN:VCALENDAR\r\n{begins}"),
            "BEGIN:VCALENDAR\r\n".repeat(depth),
        ] {
            let (result, work) = cost(&text, &any_size());
            assert!(matches!(result, Err(Invalid::Data(_))));
            assert!(work.lines <= Limits::default().depth_max as u64 + 2, "{work:?}");
        }
    }
}

#[test]
fn no_limit_can_be_set_so_high_that_depth_exhausts_the_stack() {
    let limits = Limits { depth_max: usize::MAX, ..Limits::STORED };
    let text = calendar(&format!("{}{}", "BEGIN:X-A\r\n".repeat(50_000), "END:X-A\r\n".repeat(50_000)));
    assert!(matches!(read(text.as_bytes(), &limits), Err(Invalid::Data(_))));
}

#[test]
fn properties_components_and_parameters_are_counted() {
    let limits = any_size();
    let just = |count: usize| calendar(&"X-A:1\r\n".repeat(count - 1));
    assert!(cost(&just(limits.properties_max), &limits).0.is_ok());
    let (result, work) = cost(&just(4 * limits.properties_max), &limits);
    assert!(matches!(result, Err(Invalid::Data(_))));
    assert!(work.lines <= limits.properties_max as u64 + 3);

    let flat = |count: usize| calendar(&"BEGIN:X-A\r\nEND:X-A\r\n".repeat(count - 1));
    assert!(cost(&flat(limits.components_max), &limits).0.is_ok());
    assert!(matches!(cost(&flat(limits.components_max + 1), &limits).0, Err(Invalid::Data(_))));

    for many in [";A=1".repeat(limits.params_max), format!(";A=1{}", ",1".repeat(limits.params_max - 1))] {
        assert!(cost(&calendar(&format!("X-A{many}:1\r\n")), &limits).0.is_ok());
        assert!(matches!(cost(&calendar(&format!("X-A{many};B=2:1\r\n")), &limits).0, Err(Invalid::Data(_))));
    }
    assert!(matches!(
        cost(&calendar(&format!("X-A{}:1\r\n", ";A=1".repeat(100_000))), &limits).0,
        Err(Invalid::Data(_))
    ));
}

#[test]
fn twice_the_text_costs_twice_the_work() {
    type Shape = (&'static str, fn(usize) -> String);
    let shapes: [Shape; 5] = [
        ("one long line", |n| format!("X-A:{}\r\n", "x".repeat(n))),
        ("a fold at every octet", |n| format!("X-A:{}\r\n", "\r\n x".repeat(n / 4))),
        ("empty folds", |n| format!("X-A:{}\r\n", "\r\n ".repeat(n / 3))),
        ("blank lines", |n| "\r\n".repeat(n / 2)),
        ("short lines", |n| "A:\n".repeat(n / 8)),
    ];
    for (name, shape) in shapes {
        let [once, twice] = [100_000, 200_000].map(|n| {
            let text = calendar(&shape(n));
            let (result, work) = cost(&text, &any_size());
            result.unwrap_or_else(|invalid| panic!("{name}: {invalid}"));
            assert!(work.octets <= 2 * text.len() as u64, "{name}: {work:?}");
            work
        });
        assert!(twice.octets <= 2 * once.octets + 100 && twice.lines <= 2 * once.lines + 10, "{name}");
    }
}

#[test]
fn a_long_line_is_written_with_one_fold_for_every_74_octets() {
    let text = calendar(&format!("X-A:{}\r\n", "é".repeat(150_000)));
    let written = read(text.as_bytes(), &any_size()).unwrap().to_text();
    assert_eq!(written, text, "an untouched line is written as it was sent");
    let property = almanac_ical::Property::new("X-A", &"é".repeat(150_000)).to_text();
    assert!(property.split("\r\n").all(|line| line.len() <= 75));
    assert!(property.len() <= 300_000 + 300_000 / 73 * 3 + 10);
}
