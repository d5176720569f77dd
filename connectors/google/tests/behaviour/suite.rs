//! What every connector must do.

use almanac_contract::suite::{Devices, behaves};
use jiff::civil::date;

use crate::support::{World, device};

#[tokio::test]
async fn it_does_what_every_connector_must() {
    for (inherits, page_max, empty_pages) in [(true, 250, false), (false, 250, false), (true, 2, true)] {
        let world = World::new().await;
        world.elsewhere(|google, _| {
            google.inherits = inherits;
            google.page_max = page_max;
            google.empty_pages = empty_pages;
        });
        let other = device(&world.sim);
        let devices = Devices::new(&world.google, &other, world.calendar.clone(), date(2026, 3, 2), 7);
        if let Err(broken) = behaves(&devices).await {
            panic!("inherits {inherits}, pages of {page_max}:\n{broken}");
        }
        assert_eq!(world.elsewhere(|google, _| google.mails.all()), 0);
    }
}
