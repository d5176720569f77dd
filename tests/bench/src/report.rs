//! What is printed: a row per cell as it is measured, and the same as a line of JSON.

use std::fs::File;
use std::io::Write;

use serde_json::{Value, json};

use crate::measure::Figures;
use crate::workloads::Workload;

/// A measured cell.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) server: String,
    pub(crate) events: usize,
    pub(crate) workload: Workload,
    pub(crate) connections: usize,
    /// The figures, or why there are none.
    pub(crate) outcome: Result<Figures, String>,
}

pub(crate) struct Report {
    json: Option<File>,
    pub(crate) rows: Vec<Row>,
    pub(crate) cut_seconds: u64,
}

impl Row {
    /// The figures of a cell whose answers were all right.
    pub(crate) fn sound(&self) -> Option<&Figures> {
        self.outcome.as_ref().ok().filter(|figures| figures.errors == 0 && figures.operations > 0)
    }
}

impl Report {
    pub(crate) fn new(json: Option<&std::path::Path>, cut_seconds: u64) -> Self {
        let open = |path| File::options().create(true).append(true).open(path);
        let json = json.map(|path| open(path).expect("open the file of BENCH_JSON"));
        Self { json, rows: Vec::new(), cut_seconds }
    }

    pub(crate) fn line(&mut self, value: &Value) {
        if let Some(json) = &mut self.json {
            writeln!(json, "{value}").unwrap();
        }
    }

    /// The head of the rows of one workload.
    pub(crate) fn head(workload: Workload, connections: usize) {
        println!(
            "\n{:<34}{:>8}{:>8}{:>10}{:>10}{:>10}{:>11}{:>10}{:>10}",
            format!("{}, {connections} conn.", workload.name()),
            "events",
            "ops",
            "ops/s",
            "p50 ms",
            "p99 ms",
            "CPU ms/op",
            "peak MiB",
            "syncs/op"
        );
    }

    pub(crate) fn add(&mut self, row: Row) {
        print!("  {:<32}{:>8}", row.server, row.events);
        match &row.outcome {
            Err(why) => println!("  {why}"),
            Ok(figures) => self.print(figures),
        }
        self.line(&row_json(&row));
        self.rows.push(row);
    }

    fn print(&self, figures: &Figures) {
        let syncs = figures.syncs_per_operation.map_or("-".into(), |syncs| format!("{syncs:.3}"));
        print!(
            "{:>8}{:>10.1}{:>10.2}{:>10.2}{:>11.3}{:>10.1}{syncs:>10}",
            figures.operations,
            figures.per_second,
            figures.p50_ms,
            figures.p99_ms,
            figures.cpu_ms,
            figures.peak_mib
        );
        if figures.cut > 0 {
            print!("  cut at {} s, {} under way", self.cut_seconds, figures.cut);
        }
        if let Some(error) = &figures.first_error {
            print!("  {} WRONG: {error}", figures.errors);
        }
        println!();
    }

    /// The figures of a cell, if it was measured and right.
    pub(crate) fn find(
        &self,
        server: &str,
        events: usize,
        workload: Workload,
        connections: usize,
    ) -> Option<&Figures> {
        self.rows
            .iter()
            .find(|row| {
                row.server == server
                    && row.events == events
                    && row.workload == workload
                    && row.connections == connections
            })
            .and_then(Row::sound)
    }
}

fn row_json(row: &Row) -> Value {
    let mut value = json!({
        "figure": "workload",
        "server": row.server,
        "events": row.events,
        "workload": row.workload.name(),
        "connections": row.connections,
    });
    let more = match &row.outcome {
        Err(why) => json!({ "not_measured": why }),
        Ok(figures) => json!({
            "operations": figures.operations,
            "errors": figures.errors,
            "first_error": figures.first_error,
            "cut": figures.cut,
            "per_second": figures.per_second,
            "p50_ms": figures.p50_ms,
            "p99_ms": figures.p99_ms,
            "cpu_ms": figures.cpu_ms,
            "peak_mib": figures.peak_mib,
            "syncs_per_operation": figures.syncs_per_operation,
        }),
    };
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}
