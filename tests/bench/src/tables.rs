//! The figures of many cells beside each other: CPU time by size, and by server.

use crate::report::Report;
use crate::subject::Subject;
use crate::workloads::Workload;

/// CPU of Almanac by size, one connection.
pub(crate) fn growth(report: &Report, sizes: &[usize]) {
    print!("\n{:<34}", "Almanac, 1 conn., CPU ms/op at");
    for events in sizes {
        print!("{events:>10}");
    }
    println!("{:>10}", "ratio");
    for workload in Workload::ALL {
        let cpu = |events: &usize| report.find("Almanac", *events, workload, 1).map(|figures| figures.cpu_ms);
        print!("  {:<32}", workload.name());
        for events in sizes {
            print!("{:>10}", cpu(events).map_or("-".into(), |cpu| format!("{cpu:.3}")));
        }
        let ends = sizes.first().and_then(cpu).zip(sizes.last().and_then(cpu));
        println!("{:>10}", ends.map_or("-".into(), |(first, last)| format!("{:.2}", last / first)));
    }
}

/// CPU of every server at one size and one connection, and how many times that of Almanac the cheapest other takes.
pub(crate) fn side_by_side(report: &Report, subjects: &[Subject]) {
    let peers = |events| {
        let same = subjects.iter().filter(move |subject| subject.data.events == events);
        same.map(|subject| subject.server.name()).filter(|name| *name != "Almanac").collect::<Vec<_>>()
    };
    let mut sizes: Vec<usize> = subjects.iter().map(|subject| subject.data.events).collect();
    sizes.dedup();
    for events in sizes.into_iter().filter(|events| !peers(*events).is_empty()) {
        let peers = peers(events);
        print!("\n{:<34}{:>16}", format!("{events} events, 1 conn., CPU ms/op"), "Almanac");
        peers.iter().for_each(|peer| print!("{peer:>17}"));
        println!("{:>22}", "cheapest to Almanac");
        for workload in Workload::ALL {
            let cpu = |server| report.find(server, events, workload, 1).map(|figures| figures.cpu_ms);
            let text = |cpu: Option<f64>| cpu.map_or("-".into(), |cpu| format!("{cpu:.3}"));
            let almanac = cpu("Almanac");
            print!("  {:<32}{:>16}", workload.name(), text(almanac));
            peers.iter().for_each(|peer| print!("{:>17}", text(cpu(peer))));
            let cheapest = peers.iter().filter_map(|peer| cpu(peer)).min_by(f64::total_cmp);
            let factor = cheapest.zip(almanac).map(|(cheapest, almanac)| cheapest / almanac);
            println!("{:>22}", factor.map_or("-".into(), |factor| format!("{factor:.0} times")));
        }
    }
}
