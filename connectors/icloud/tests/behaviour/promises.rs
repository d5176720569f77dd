//! What every connector must do, with servers of all habits.

use almanac_icloud::Scheduling;
use almanac_icloud::sim::{Front, Habits, Server};
use almanac_simulator::Simulator;

use crate::account::{account, family, keeps_promises, server};

async fn keeps_them_with(habits: Habits) {
    let scheduling = if habits.schedules { Scheduling::Server } else { Scheduling::None };
    let server = server(habits).await;
    keeps_promises(|| account(&server.url(), scheduling)).await;
    assert_eq!(server.with(|server| server.mails.all()), 0, "nobody was mailed");
}

#[tokio::test]
async fn a_plain_server_keeps_all_promises() {
    keeps_them_with(Habits::default()).await;
}

#[tokio::test]
async fn a_server_that_sends_invitations_keeps_all_promises() {
    keeps_them_with(Habits { schedules: true, ..Habits::default() }).await;
}

#[tokio::test]
async fn a_server_that_rewrites_what_it_is_given_keeps_all_promises() {
    keeps_them_with(Habits { rewrites: true, ..Habits::default() }).await;
}

#[tokio::test]
async fn a_server_that_cuts_its_listings_keeps_all_promises() {
    keeps_them_with(Habits { page: Some(3), ..Habits::default() }).await;
}

#[tokio::test]
async fn a_server_that_forgets_objects_in_its_answers_keeps_all_promises() {
    keeps_them_with(Habits { forgets: Some(4), ..Habits::default() }).await;
}

#[tokio::test]
async fn a_server_that_writes_odd_xml_keeps_all_promises() {
    keeps_them_with(Habits { odd: true, ..Habits::default() }).await;
}

#[tokio::test]
async fn a_server_without_sync_collection_keeps_all_promises() {
    keeps_them_with(Habits { sync: false, ..Habits::default() }).await;
}

#[tokio::test]
async fn an_account_on_a_second_host_keeps_all_promises() {
    let server: Simulator<Server> = server(Habits::default()).await;
    let front = Simulator::start(Front { leads_to: server.url() }).await.unwrap();
    keeps_promises(|| family(&front.url(), &[server.url()])).await;
}
