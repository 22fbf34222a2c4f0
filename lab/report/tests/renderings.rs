//! What people read has a snapshot: a change of words is then reviewed as a diff.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::slice::from_ref;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use lab_record::balancing::{Balancing, Change, Shares};
use lab_record::recovery::{Delay, Fault, Listener, Memory, Recovery, Station, Survivors};
use lab_record::run::{
    Cell, Environment, Event, Expectation, FORMAT, Histogram, PoolMember, Providers, Resources,
    Run, Scenario, Series, Workgroup,
};
use lab_record::statistics::Residues;
use lab_record::verdict::Verdict;
use serde_json::json;

#[test]
fn page_of_a_failed_run_names_the_cause_before_anything_else() {
    let page = lab_report::page::render(&failed());

    let cause = page.find("port % 8 can reach 4 of 8 groups").unwrap();
    let first_chart = page.find("<svg").unwrap();
    assert!(cause < first_chart, "the cause stands on the first screen");
    insta::assert_snapshot!(by_lines(&page));
}

#[test]
fn page_of_a_failover_draws_the_waterfall_and_the_fault() {
    insta::assert_snapshot!(by_lines(&lab_report::page::render(&failover())));
}

#[test]
fn page_of_a_comparison_has_the_ways_beside_each_other() {
    insta::assert_snapshot!(by_lines(&lab_report::page::render(&comparison())));
}

#[test]
fn overview_shows_the_columns_of_each_comparison() {
    let (compared, other) = (comparison(), failed());
    let entries = [(&compared, "a/report.html"), (&other, "b/report.html")]
        .map(|(run, link)| lab_report::overview::Entry { run, link });

    let page = lab_report::overview::render(&entries);

    assert_eq!(page.matches("table class=\"columns\"").count(), 1, "{page}");
    assert!(page.contains("attempts wasted"), "{page}");
}

#[test]
fn first_screen_of_every_verdict_says_why_and_what_to_do() {
    for (name, run, cause) in [
        ("unfit", unfit(), "start dockerd"),
        ("lab-failed", lab_failed(), "cannot bind 127.0.0.9:9092"),
        (
            "inconclusive",
            inconclusive(),
            "the lab itself was 80.0 ms behind its schedule",
        ),
        ("interrupted", interrupted(), "interrupted"),
        (
            "lost",
            lost(),
            "never came; the first 3 are all of this device",
        ),
        ("late", late(), "half of all were too late"),
    ] {
        let page = by_lines(&lab_report::page::render(&run));

        // What stands before the first picture is the first screen.
        let first = page.split("<svg").next().unwrap();
        assert!(first.contains(cause), "{name}: {first}");
        assert!(first.contains("lab run scenarios/"), "{name}: {first}");
        insta::assert_snapshot!(format!("first-screen-{name}"), first);
    }
}

#[test]
fn overview_with_ways_to_balance_has_their_columns() {
    let compared = comparison();
    let entry = lab_report::overview::Entry {
        run: &compared,
        link: "a/report.html",
    };

    insta::assert_snapshot!(by_lines(&lab_report::overview::render(&[entry])));
}

#[test]
fn what_only_the_end_could_tell_is_said_to_be_seen_there() {
    let mut run = lost();
    run.cells[0].events.push(event(9_000, "played", &[]));
    let told = |first_broke_ms| {
        let mut run = run.clone();
        run.cells[0].expectations[0].first_broke_ms = first_broke_ms;
        lab_report::since(&run.cells[0], &run.cells[0].expectations[0])
    };

    assert_eq!(
        told(Some(4_200)).as_deref(),
        Some("4.2 s into the run, 1.2 s after kill gateway 1")
    );
    assert_eq!(
        told(Some(2_000)).as_deref(),
        Some("2 s into the run, before the first fault")
    );
    assert_eq!(
        told(Some(9_000)).as_deref(),
        Some("seen at the end, 9 s into the run, 6.0 s after kill gateway 1")
    );
    assert_eq!(told(None), None);
}

#[test]
fn summary_names_each_broken_expectation() {
    insta::assert_snapshot!(lab_report::summary::render(&[failed(), unfit()]));
}

#[test]
fn metrics_follow_the_openmetrics_format() {
    insta::assert_snapshot!(lab_report::openmetrics::render(&[failed(), failover()]));
}

#[test]
fn page_loads_nothing_from_elsewhere_and_needs_no_script() {
    for run in [failed(), failover(), comparison(), unfit()] {
        let page = lab_report::page::render(&run);

        for forbidden in [
            "<script", "<link", "src=", "url(", "@import", "http://", "https://",
        ] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}

#[test]
fn text_from_outside_cannot_become_markup() {
    let mut run = failed();
    run.scenario.text = "title = \"<script>alert(1)</script>\"".to_owned();
    run.cells[0].expectations[0].measured = "<img onerror=x>".to_owned();

    let page = lab_report::page::render(&run);

    assert!(!page.contains("<script>") && !page.contains("<img"));
}

#[test]
fn ten_thousand_points_stay_under_two_megabytes() {
    let mut run = failover();
    run.cells[0].series = (0..8)
        .map(|n| {
            series(
                &format!("series {n}"),
                (0..10_000)
                    .map(|t| (t * 10, f64::from((t * 7919 % 1013) as i32)))
                    .collect(),
            )
        })
        .collect();

    let page = lab_report::page::render(&run);

    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

#[test]
fn a_run_compared_with_itself_is_the_same_within_noise() {
    let comparison = lab_report::compare::compare(&[failover()], &[failover()], 0.1);

    assert!(!comparison.regressed());
    assert!(lab_report::compare::text(&comparison).ends_with("NOT WORSE\n"));
}

#[test]
fn a_cell_that_came_to_nothing_is_worse_and_what_it_did_not_measure_is_named() {
    let mut nothing = failover();
    let cell = &mut nothing.cells[0];
    cell.verdict = Verdict::LabFailed;
    (cell.expectations, cell.histograms) = (vec![], vec![]);
    let compare = |before: &Run, after: &Run| {
        lab_report::compare::compare(from_ref(before), from_ref(after), 0.1)
    };

    let comparison = compare(&failover(), &nothing);

    assert!(comparison.regressed());
    let text = lab_report::compare::text(&comparison);
    assert!(
        text.contains("cells that failed or came to nothing: 0 → 1"),
        "{text}"
    );
    assert!(
        text.contains("only measured on the first side") && text.contains("delivery p99"),
        "{text}"
    );
    // Nor does a run that came to nothing make a broken one better.
    let mut broken = failover();
    broken.cells[0].verdict = Verdict::Fail;
    broken.cells[0].expectations[0].held = Some(false);
    assert!(!lab_report::compare::text(&compare(&broken, &nothing)).contains("better"));
}

#[test]
fn the_labs_own_haste_is_no_regression() {
    let with = |lag: u64, cpu_ms: u64| {
        let mut run = failover();
        run.cells[0].histograms = vec![histogram("generator-lag", (0..1_000).map(|n| lag + n))];
        run.cells[0].resources[0].process = "lab".to_owned();
        run.cells[0].resources[0].cpu_ms = cpu_ms;
        run
    };

    let comparison = lab_report::compare::compare(&[with(10, 100)], &[with(90_000, 9_000)], 0.1);

    assert!(!comparison.regressed(), "{comparison:?}");
}

#[test]
fn a_slower_tail_is_worse_and_an_unmatched_cell_is_named() {
    let mut slower = failover();
    slower.cells[0].histograms[0] = histogram("delivery", (0..30_000u64).map(|n| 900 + n % 977));
    slower.environment.kernel = "Linux 6.12".to_owned();

    let comparison = lab_report::compare::compare(&[failover(), failed()], &[slower], 0.1);

    assert!(comparison.regressed());
    insta::assert_snapshot!(lab_report::compare::text(&comparison));
    insta::assert_snapshot!(by_lines(&lab_report::compare::page(
        &comparison,
        "before",
        "after"
    )));
}

#[test]
fn overview_shows_a_hole_in_the_coverage_as_a_hole() {
    let (failed, mut failover) = (failed(), failover());
    failover.cells[0].providers.adc = "haproxy".to_owned();
    let entries = [
        lab_report::overview::Entry {
            run: &failed,
            link: "a/report.html",
        },
        lab_report::overview::Entry {
            run: &failover,
            link: "b/report.html",
        },
    ];

    insta::assert_snapshot!(by_lines(&lab_report::overview::render(&entries)));
}

/// One element per line, so that a diff shows what changed; without the style sheet, which is looked at and not read.
fn by_lines(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    format!("{head}{body}").replace("><", ">\n<")
}

/// One of two cells broke its expectation: even ports and a hash that keeps their parity.
fn failed() -> Run {
    let mut broken = cell("adc.snat-ports=linux-connect", Verdict::Fail);
    broken.expectations = vec![Expectation {
        name: "spread".to_owned(),
        wanted: "even over 8 workgroups".to_owned(),
        measured: "4 of 8 workgroups idle, max/mean 2.06".to_owned(),
        interval: Some("chance alone explains max/mean up to 1.316".to_owned()),
        held: Some(false),
        first_broke_ms: Some(1_250),
        cause: Some("all 3,000 source ports are even; port % 8 can reach 4 of 8 groups".to_owned()),
        remarks: vec!["p < 1e-300".to_owned()],
    }];
    broken.workgroups = workgroups(&[750, 0, 774, 0, 731, 0, 745, 0]);
    broken.ports = Some(residues([750, 0, 774, 0, 731, 0, 745, 0]));
    let mut even = cell("adc.snat-ports=range", Verdict::Pass);
    even.expectations = vec![held("spread", "even over 8 workgroups", "max/mean 1.07")];
    even.workgroups = workgroups(&[375, 380, 370, 401, 352, 377, 369, 376]);
    run(
        "scenarios/distribution/offload-spreads.toml",
        "Address and port spread a fleet behind one SNAT address",
        vec![broken, even],
    )
}

/// One of three gateways is killed; everybody comes back.
fn failover() -> Run {
    let mut cell = cell("", Verdict::Pass);
    cell.expectations = vec![held("lost-max", "0 lost", "0 of 30,000 lost")];
    cell.workgroups = (0..3)
        .flat_map(|gateway| {
            workgroups(&[100, 110, 95, 105])
                .into_iter()
                .map(move |w| Workgroup { gateway, ..w })
        })
        .collect();
    cell.members = (0..3)
        .map(|gateway| PoolMember {
            gateway,
            up: gateway != 1,
            current: 400,
            total: 400 + 5 * u64::from(gateway),
        })
        .collect();
    cell.series = vec![
        series(
            "connected",
            (0..60)
                .map(|t| {
                    (
                        t * 500,
                        if (20..24).contains(&t) {
                            3_400.0
                        } else {
                            5_000.0
                        },
                    )
                })
                .collect(),
        ),
        series(
            "delivered",
            (0..60)
                .map(|t| (t * 500, 1_000.0 + f64::from((t % 7) as i32)))
                .collect(),
        ),
    ];
    cell.events = vec![
        event(0, "step", &[("do", json!("connect"))]),
        event(
            10_000,
            "fault",
            &[("fault", json!("kill")), ("target", json!("gateway 1"))],
        ),
        event(
            12_000,
            "fault-over",
            &[("fault", json!("kill")), ("target", json!("gateway 1"))],
        ),
    ];
    cell.recovery = Some(kill_of_one());
    cell.histograms = vec![histogram(
        "delivery",
        (0..30_000u64).map(|n| 400 + n % 977 + if n % 1000 == 0 { 40_000 } else { 0 }),
    )];
    cell.ledger =
        Some(json!({"records": 30_000, "lost": 0, "doubled": 0, "swapped": 0, "violations": []}));
    cell.resources = vec![Resources {
        process: "gateway-0".to_owned(),
        cpu_ms: 4_210,
        peak_rss_bytes: 31_457_280,
        rss_bytes: 29_360_128,
        descriptors: 1_720,
    }];
    run(
        "scenarios/recovery/kill-one-of-three.toml",
        "A killed gateway loses no message",
        vec![cell],
    )
}

fn kill_of_one() -> Recovery {
    let station = |name, first: f64, each: f64| {
        Station::of(
            name,
            (0..1_667).map(|n| first + f64::from(n) * each).collect(),
        )
    };
    Recovery {
        faults: vec![Fault {
            kind: "kill".to_owned(),
            target: "gateway 1".to_owned(),
            from_ms: 10_000,
            until_ms: Some(12_000),
            took_ms: None,
            touched: 1_667,
            resets: 1_600,
            stations: vec![
                station("noticed", 0.2, 0.001),
                station("connected", 20.0, 1.1),
                station("caught-up", 25.0, 1.15),
            ],
            survivors: Some(Survivors {
                devices: 3_333,
                before: Delay {
                    messages: 9_000,
                    p99_us: 1_400,
                    ..Delay::default()
                },
                during: Delay {
                    messages: 2_000,
                    p99_us: 2_100,
                    ..Delay::default()
                },
            }),
            memory: vec![Memory {
                gateway: 0,
                before_bytes: 31_457_280,
                peak_bytes: 33_554_432,
            }],
        }],
        resumes: BTreeMap::from([("synced".to_owned(), 1_667)]),
        unsignalled_gaps: 0,
        listen_overflows: Some(0),
        listeners: vec![Listener {
            name: "gateway 0".to_owned(),
            dropped: 0,
        }],
        fetches: Some(0),
    }
}

/// A kill, twice: with a list of servers, and with an address that some never got away from.
fn comparison() -> Run {
    let one = |way: &str, back: Vec<f64>, balanced_after_ms, wasted, usages: Vec<Event>| Cell {
        balancing: Some(Balancing {
            way: way.to_owned(),
            at_rest: shares(&[100, 102, 98]),
            after: shares(&[0, 152, 148]),
            change: Some(Change {
                cut: 100,
                retried: Station::of("retried", vec![2.0; 100]),
                reconnected: Station::of("reconnected", back),
                handshakes_per_second_peak: 60,
                attempts: 100 + wasted,
                wasted,
                wasted_by_one_device: wasted.min(3),
                known_dead: (way == "api").then_some(0),
                balanced_after_ms,
                ..Change::default()
            }),
        }),
        events: usages,
        ..cell(&format!("balancing={way}"), Verdict::Pass)
    };
    let usages = [("stage-up", 100, 0), ("connect", 400, 300)].map(|(after, cpu_ms, connected)| {
        let processes = json!({"gateway-0": {"cpu_ms": cpu_ms}, "adc": {"cpu_ms": cpu_ms / 4}});
        let detail = [
            ("after", json!(after)),
            ("processes", processes),
            ("connected", json!(connected)),
        ];
        event(0, "usage", &detail)
    });
    run(
        "scenarios/balancing/a-killed-gateway.toml",
        "A killed gateway",
        vec![
            one("api", vec![5.0; 100], Some(120.0), 0, vec![]),
            one("adc", vec![900.0; 60], None, 81, usages.to_vec()),
        ],
    )
}

fn shares(connections: &[u64]) -> Shares {
    let weights = vec![1; connections.len()];
    Shares {
        imbalance: lab_record::statistics::shares::imbalance(connections, &weights),
        connections: connections.to_vec(),
        weights,
    }
}

/// The machine lacks a container engine.
fn unfit() -> Run {
    let mut cell = cell("", Verdict::Unfit);
    cell.reason = Some("no container engine answers".to_owned());
    cell.remedy = Some("start dockerd, or use --kafka embedded".to_owned());
    run(
        "scenarios/messaging/in-order.toml",
        "Every subscriber gets every record once and in order",
        vec![cell],
    )
}

/// The lab could not play.
fn lab_failed() -> Run {
    let mut cell = cell("", Verdict::LabFailed);
    cell.reason = Some("cannot bind 127.0.0.9:9092: address in use".to_owned());
    run(
        "scenarios/messaging/in-order.toml",
        "Every subscriber gets every record once and in order",
        vec![cell],
    )
}

/// The lab was too slow to tell.
fn inconclusive() -> Run {
    let mut cell = cell("", Verdict::Inconclusive);
    cell.expectations = vec![Expectation {
        held: None,
        cause: Some("the lab itself was 80.0 ms behind its schedule".to_owned()),
        ..held(
            "delivered-within",
            "99 of 100 within 100ms",
            "p50 2.0 ms, p99 60.0 ms, max 90.0 ms, of 3000",
        )
    }];
    run(
        "scenarios/messaging/in-time.toml",
        "Messages arrive in time",
        vec![cell],
    )
}

/// One cell was played, the next was interrupted.
fn interrupted() -> Run {
    let mut broken_off = cell("workgroups=8", Verdict::Interrupted);
    broken_off.reason = Some("interrupted".to_owned());
    run(
        "scenarios/messaging/in-order.toml",
        "Every subscriber gets every record once and in order",
        vec![cell("workgroups=4", Verdict::Pass), broken_off],
    )
}

/// A kill lost messages, and it took long to come back.
fn lost() -> Run {
    let mut cell = cell("", Verdict::Fail);
    cell.expectations = vec![
        Expectation {
            interval: Some("between 34 and 294 of a million messages with 95 % confidence".to_owned()),
            held: Some(false),
            first_broke_ms: Some(3_100),
            cause: Some("for instance device 3: message 17 of /t/k (partition 0) never came; the first 3 are all of this device".to_owned()),
            ..held("lost-max", "at most 0", "3, of 29997 deliveries of 30000 records")
        },
        held("doubled-max", "at most 0", "0, of 29997 deliveries of 30000 records"),
    ];
    cell.events = vec![event(
        3_000,
        "fault",
        &[("fault", json!("kill")), ("target", json!("gateway 1"))],
    )];
    run(
        "scenarios/recovery/kill-one-of-three.toml",
        "A killed gateway loses no message",
        vec![cell],
    )
}

/// Everything is late.
fn late() -> Run {
    let mut cell = cell("", Verdict::Fail);
    cell.expectations = vec![Expectation {
        interval: Some("p99 between 880.0 and 915.0 ms with 95 % confidence".to_owned()),
        held: Some(false),
        first_broke_ms: Some(1_500),
        cause: Some("half of all were too late, so it is not a moment but the pace: something on the way is saturated; the lab itself was at most 0.4 ms behind its schedule".to_owned()),
        ..held("delivered-within", "99 of 100 within 100ms", "p50 400.0 ms, p99 900.0 ms, max 990.0 ms, of 3000")
    }];
    run(
        "scenarios/messaging/in-time.toml",
        "Messages arrive in time",
        vec![cell],
    )
}

fn run(file: &str, title: &str, cells: Vec<Cell>) -> Run {
    Run {
        format: FORMAT.to_owned(),
        command: format!("lab run {file} --seed 7"),
        seed: 7,
        scenario: Scenario {
            file: file.to_owned(),
            text: format!("title = \"{title}\"\n"),
            title: title.to_owned(),
        },
        environment: Environment {
            started_unix_ms: 1_795_356_185_000,
            lab: "lab 0.1.0".to_owned(),
            gateway: "gateway 0.1.0".to_owned(),
            kernel: "Linux 6.18".to_owned(),
            cpus: 2,
            cpu_model: "a processor".to_owned(),
            memory_bytes: 25_769_803_776,
            descriptors: 20_000,
            sysctls: BTreeMap::from([(
                "net.ipv4.ip_local_port_range".to_owned(),
                "32768 60999".to_owned(),
            )]),
        },
        cells,
    }
}

fn cell(name: &str, verdict: Verdict) -> Cell {
    Cell {
        name: name.to_owned(),
        stage: json!({
            "gateways": 1, "workgroups": 8, "connection-offload": true,
            "kafka": {"topics": ["telemetry"], "partitions": 3, "brokers": 1},
            "fleet": {"devices": 3000, "ports": "linux-connect", "addresses": "ipv4", "subjects": "own", "via": "adc"},
            "adc": {"snat-ports": "linux-connect", "snat-addresses": 1, "proxy-protocol": "off"},
        }),
        providers: Providers {
            kafka: "embedded".to_owned(),
            kafka_version: "mock cluster 2.12.1".to_owned(),
            adc: "builtin".to_owned(),
            adc_version: String::new(),
            fleet: "loopback".to_owned(),
        },
        verdict,
        reason: None,
        remedy: None,
        expectations: vec![],
        workgroups: vec![],
        members: vec![],
        ports: None,
        events: vec![],
        series: vec![],
        histograms: vec![],
        ledger: None,
        resources: vec![],
        recovery: None,
        balancing: None,
        took_ms: 4_200,
    }
}

fn held(name: &str, wanted: &str, measured: &str) -> Expectation {
    Expectation {
        name: name.to_owned(),
        wanted: wanted.to_owned(),
        measured: measured.to_owned(),
        interval: None,
        held: Some(true),
        first_broke_ms: None,
        cause: None,
        remarks: vec![],
    }
}

fn workgroups(connections: &[u64]) -> Vec<Workgroup> {
    (0u32..)
        .zip(connections)
        .map(|(workgroup, n)| Workgroup {
            gateway: 0,
            workgroup,
            connections: *n,
        })
        .collect()
}

fn residues(mod8: [u64; 8]) -> Residues {
    let ports = (0u16..)
        .zip(mod8)
        .flat_map(|(residue, count)| (0..count as u16).map(move |n| 1_024 + 8 * n + residue));
    Residues::of(ports)
}

fn series(name: &str, points: Vec<(i64, f64)>) -> Series {
    Series {
        name: name.to_owned(),
        unit: "connections".to_owned(),
        points,
    }
}

fn event(at_ms: i64, kind: &str, detail: &[(&str, serde_json::Value)]) -> Event {
    let detail = detail
        .iter()
        .map(|(k, v)| ((*k).to_owned(), v.clone()))
        .collect();
    Event {
        at_ms,
        kind: kind.to_owned(),
        detail,
    }
}

fn histogram(name: &str, values: impl Iterator<Item = u64>) -> Histogram {
    let mut times = hdrhistogram::Histogram::<u64>::new(3).unwrap();
    values.for_each(|value| times.record(value).unwrap());
    let mut bytes = vec![];
    V2Serializer::new().serialize(&times, &mut bytes).unwrap();
    Histogram {
        name: name.to_owned(),
        unit: "us".to_owned(),
        count: times.len(),
        p50: times.value_at_quantile(0.5),
        p99: times.value_at_quantile(0.99),
        max: times.max(),
        hdr: STANDARD.encode(bytes),
    }
}
