//! What every connector must do, against the simulator.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use almanac_contract::suite::{Devices, behaves};

#[tokio::test]
async fn it_does_what_every_connector_must_do() {
    let world = support::world().await;
    let (one, other) = (world.device(), world.device());
    let devices = Devices::new(&one, &other, support::calendar(), jiff::civil::date(2026, 3, 20), 7);
    behaves(&devices).await.unwrap_or_else(|broken| panic!("{broken}"));
    assert_eq!(world.sim.with(|graph| graph.mails.all()), 0, "nobody was mailed");
}

#[tokio::test]
async fn it_does_so_where_the_service_leaves_exceptions_out() {
    let world = support::world().await;
    world.sim.with(|graph| graph.tells_exceptions = false);
    let (one, other) = (world.device(), world.device());
    let devices = Devices::new(&one, &other, support::calendar(), jiff::civil::date(2026, 3, 20), 7);
    behaves(&devices).await.unwrap_or_else(|broken| panic!("{broken}"));
}
