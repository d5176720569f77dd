//! Properties of what reads foreign text: URLs, redirects, the allow-list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use almanac_base::Secret;
use almanac_egress::oauth::parse_redirect;
use almanac_egress::throttle::retry_after;
use almanac_egress::{Guard, Target};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

/// Every way in which an IPv6 address carries `v4`.
fn forms(v4: Ipv4Addr) -> Vec<IpAddr> {
    let bits = u128::from(u32::from(v4));
    let [a, b, c, d] = v4.octets();
    let pair = |x, y| u16::from_be_bytes([x, y]);
    vec![
        v4.into(),
        v4.to_ipv6_mapped().into(),
        Ipv6Addr::from(bits).into(),
        Ipv6Addr::from((0xffff << 48) | bits).into(),
        Ipv6Addr::from((0x0064_ff9b << 96) | bits).into(),
        Ipv6Addr::new(0x2002, pair(a, b), pair(c, d), 0, 0, 0, 0, 1).into(),
        Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0, 0, !pair(a, b), !pair(c, d)).into(), // Teredo
    ]
}

fn private() -> impl Strategy<Value = Ipv4Addr> {
    let blocks = [
        (0x7f00_0000, 8),
        (0x0a00_0000, 8),
        (0xac10_0000, 12),
        (0xc0a8_0000, 16),
        (0xa9fe_0000, 16),
        (0x6440_0000, 10),
    ];
    (prop::sample::select(blocks.to_vec()), any::<u32>()).prop_map(
        |((first, bits), host): ((u32, u32), u32)| Ipv4Addr::from(first | (host & (u32::MAX >> bits))),
    )
}

proptest! {
    #[test]
    fn a_private_address_is_closed_in_every_form(v4 in private()) {
        let target = Target::parse("https://a.test/").unwrap();
        for form in forms(v4) {
            prop_assert!(Guard::default().check(&target, form).is_err(), "{}", form);
        }
    }

    #[test]
    fn a_private_address_is_closed_in_every_spelling_of_a_url(v4 in private(), port in 1_u16..) {
        let [a, b, c, d] = v4.octets();
        let whole = u32::from(v4);
        for host in [
            format!("{a}.{b}.{c}.{d}"), format!("{a:#x}.{b:#o}.{c}.{d:#X}").replace("0o", "0").replace("0X", "0x"),
            format!("{whole}"), format!("{whole:#x}"), format!("{a}.{}", whole & 0xff_ffff), format!("[::ffff:{v4}]"),
        ] {
            let target = Target::parse(&format!("https://{host}:{port}/")).unwrap();
            let read: IpAddr = target.host().trim_matches(['[', ']']).parse().unwrap();
            prop_assert_eq!(read.to_canonical(), IpAddr::from(v4), "{}", host);
            prop_assert!(Guard::default().check(&target, read).is_err());
        }
    }

    #[test]
    fn what_is_read_as_a_url_is_read_the_same_again(text in "(https?://)?[a-zA-Z0-9.\\[\\]:@/\\\\?#%_ü -]{0,40}") {
        if let Ok(target) = Target::parse(&text) {
            let again = Target::parse(target.url().as_str());
            prop_assert_eq!(again.as_ref(), Ok(&target));
            prop_assert!(target.url().username().is_empty() && target.url().fragment().is_none());
            prop_assert!(!target.host().is_empty() && target.port() != 0);
        }
    }

    #[test]
    fn foreign_text_never_ends_in_a_panic_or_an_endless_wait(text in any::<String>()) {
        let here = Target::parse("https://a.test/x").unwrap();
        if let Ok(there) = here.join(&text) {
            prop_assert!(!there.is_plain());
        }
        let _ = Guard::new(std::slice::from_ref(&text));
        prop_assert!(parse_redirect(&text, &Secret::new("unguessable".into())).is_err());
        if let Some(wait) = retry_after(&text, Timestamp::UNIX_EPOCH) {
            prop_assert!(wait >= SignedDuration::ZERO && wait <= SignedDuration::from_hours(24));
        }
    }
}
