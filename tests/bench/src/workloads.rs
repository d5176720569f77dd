//! The workloads, each with the check of its answers.

use std::sync::Mutex;

use almanac_harness::{Client, Response, Wire};

use crate::data::Data;
use crate::measure::{Figures, run};

pub(crate) struct Bench {
    pub(crate) data: Data,
    pub(crate) client: Client,
    pub(crate) calendar: String,
    pub(crate) pid: u32,
}

/// One kept-open connection per thread.
struct Connections(Vec<Mutex<Wire>>);

impl Connections {
    fn send(&self, connection: usize, method: &str, request: &[u8], status: u16) -> Response {
        let mut wire = self.0[connection].lock().unwrap();
        wire.send(request).unwrap();
        let response = wire.read_response(method).unwrap();
        assert_eq!(response.status, status, "{method}: {}", String::from_utf8_lossy(&response.body));
        response
    }
}

fn count(response: &Response, what: &str) -> usize {
    std::str::from_utf8(&response.body).unwrap().matches(what).count()
}

impl Bench {
    pub(crate) fn all(&self) -> Vec<Figures> {
        let mut figures = Vec::new();
        for connections in [1, 8, 32] {
            let share = |operations: usize| (operations / connections).max(2);
            figures.push(self.get(connections, share(20_000)));
            figures.push(self.put(connections, share(1_600)));
            figures.push(self.update(connections, share(1_600)));
            figures.push(self.delete(connections, share(1_600)));
            if connections <= 8 {
                figures.push(self.listing(connections, share(40)));
                figures.push(self.month(connections, share(400)));
                figures.push(self.multiget(connections, share(400)));
                figures.push(self.sync_initial(connections, share(40)));
                figures.push(self.free_busy(connections, share(800)));
            }
        }
        figures.push(self.sync_incremental(4, 1_000));
        figures
    }

    fn connect(&self, connections: usize) -> Connections {
        Connections((0..connections).map(|_| Mutex::new(self.client.connect().unwrap())).collect())
    }

    fn path(&self, n: usize) -> String {
        format!("{}{}", self.calendar, Data::name(n))
    }

    fn get(&self, connections: usize, each: usize) -> Figures {
        let wires = self.connect(connections);
        run(self.pid, "get", connections, each, &|connection, n| {
            let at = (connection * each + n) * 7 % self.data.events;
            let request = self.client.request("GET", &self.path(at)).to_bytes();
            let response = wires.send(connection, "GET", &request, 200);
            assert_eq!(count(&response, &format!("UID:event-{at:06}")), 1);
        })
    }

    /// Objects beyond the calendar's own, so that the month stays as it is.
    fn beyond(&self, connections: usize, connection: usize, n: usize) -> usize {
        self.data.events + 1_000_000 / 20 + n * connections + connection
    }

    fn put(&self, connections: usize, each: usize) -> Figures {
        let wires = self.connect(connections);
        run(self.pid, "put", connections, each, &|connection, n| {
            let at = self.beyond(connections, connection, n);
            let request = self.client.put_request(&self.path(at), Data::event(at, 0)).to_bytes();
            assert!(wires.send(connection, "PUT", &request, 201).header("etag").is_some());
        })
    }

    fn update(&self, connections: usize, each: usize) -> Figures {
        let wires = self.connect(connections);
        let etags: Vec<Mutex<Option<String>>> = (0..connections).map(|_| Mutex::default()).collect();
        run(self.pid, "update, If-Match", connections, each, &|connection, n| {
            let at = self.beyond(connections, connection, 0);
            let mut etag = etags[connection].lock().unwrap();
            let known = etag.get_or_insert_with(|| self.client.get(&self.path(at)).etag()).clone();
            let request =
                self.client.put_request(&self.path(at), Data::event(at, n + 1)).header("If-Match", known);
            let response = wires.send(connection, "PUT", &request.to_bytes(), 204);
            *etag = Some(response.header("etag").expect("an ETag").to_owned());
        })
    }

    fn delete(&self, connections: usize, each: usize) -> Figures {
        let wires = self.connect(connections);
        run(self.pid, "delete", connections, each, &|connection, n| {
            let at = self.beyond(connections, connection, n);
            let request = self.client.request("DELETE", &self.path(at)).to_bytes();
            wires.send(connection, "DELETE", &request, 204);
        })
    }

    fn listing(&self, connections: usize, each: usize) -> Figures {
        let wires = self.connect(connections);
        let request =
            self.client.propfind_request(&self.calendar, "1", &["D:getetag", "D:getcontenttype"]).to_bytes();
        run(self.pid, "PROPFIND depth 1", connections, each, &|connection, _| {
            let response = wires.send(connection, "PROPFIND", &request, 207);
            assert_eq!(count(&response, "<D:response>"), self.data.events + 1);
        })
    }

    fn month(&self, connections: usize, each: usize) -> Figures {
        let wires = self.connect(connections);
        let month = self.data.month();
        let inside = format!(
            "<D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\">\
             <C:comp-filter name=\"VEVENT\"><C:time-range start=\"{}\" end=\"{}\"/></C:comp-filter></C:comp-filter></C:filter>",
            month.start, month.end
        );
        let request = self.client.report_request(&self.calendar, "C:calendar-query", &inside).to_bytes();
        run(self.pid, "calendar-query, a month", connections, each, &|connection, _| {
            let response = wires.send(connection, "REPORT", &request, 207);
            assert_eq!(count(&response, "BEGIN:VEVENT"), month.objects);
        })
    }

    fn multiget(&self, connections: usize, each: usize) -> Figures {
        let wires = self.connect(connections);
        run(self.pid, "multiget of 100", connections, each, &|connection, n| {
            let hrefs: String = (0..100)
                .map(|k| {
                    format!(
                        "<D:href>{}</D:href>",
                        self.path((n * 100 + k * 13 + connection) % self.data.events)
                    )
                })
                .collect();
            let inside = format!("<D:prop><D:getetag/><C:calendar-data/></D:prop>{hrefs}");
            let request =
                self.client.report_request(&self.calendar, "C:calendar-multiget", &inside).to_bytes();
            let response = wires.send(connection, "REPORT", &request, 207);
            assert_eq!(count(&response, "BEGIN:VEVENT"), 100);
        })
    }

    fn sync_request(&self, token: &str) -> Vec<u8> {
        let inside = format!(
            "<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop>"
        );
        self.client.report_request(&self.calendar, "D:sync-collection", &inside).to_bytes()
    }

    fn sync_initial(&self, connections: usize, each: usize) -> Figures {
        let wires = self.connect(connections);
        let request = self.sync_request("");
        run(self.pid, "sync-collection, initial", connections, each, &|connection, _| {
            let response = wires.send(connection, "REPORT", &request, 207);
            assert_eq!(count(&response, "<D:response>"), self.data.events);
        })
    }

    /// Only the syncs are measured, not the ten changes before each.
    fn sync_incremental(&self, rounds: usize, each: usize) -> Figures {
        let wires = self.connect(1);
        let mut token = self.client.sync(&self.calendar, "").multistatus().sync_token.expect("a token");
        let mut pieces = Vec::new();
        for n in 0..rounds {
            for k in 0..10 {
                let at = (n * 10 + k) % self.data.events;
                let _ = self.client.put(&self.path(at), Data::event(at, n + 2)).expect(204);
            }
            let request = self.sync_request(&token);
            pieces.push(run(self.pid, "sync-collection, 10 new", 1, each, &|connection, _| {
                let response = wires.send(connection, "REPORT", &request, 207);
                assert_eq!(count(&response, "<D:response>"), 10);
            }));
            token = self.client.sync(&self.calendar, &token).multistatus().sync_token.expect("a token");
        }
        mean(&pieces)
    }

    fn free_busy(&self, connections: usize, each: usize) -> Figures {
        let wires = self.connect(connections);
        let month = self.data.month();
        let inside = format!("<C:time-range start=\"{}\" end=\"{}\"/>", month.start, month.end);
        let request = self.client.report_request(&self.calendar, "C:free-busy-query", &inside).to_bytes();
        run(self.pid, "free-busy, a month", connections, each, &|connection, _| {
            let response = wires.send(connection, "REPORT", &request, 200);
            assert!(count(&response, "FREEBUSY") > 2, "no busy time");
        })
    }
}

/// The mean of runs of one workload.
fn mean(pieces: &[Figures]) -> Figures {
    let count = pieces.len().max(1) as f64;
    let of = |figure: fn(&Figures) -> f64| pieces.iter().map(figure).sum::<f64>() / count;
    Figures {
        workload: pieces.first().map_or("", |piece| piece.workload),
        connections: pieces.first().map_or(0, |piece| piece.connections),
        operations: pieces.iter().map(|piece| piece.operations).sum(),
        per_second: of(|piece| piece.per_second),
        p50_ms: of(|piece| piece.p50_ms),
        p99_ms: of(|piece| piece.p99_ms),
        cpu_ms: of(|piece| piece.cpu_ms),
    }
}
