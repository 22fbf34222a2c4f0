//! From stored measurements to an answer. `results.json` has round numbers with a little noise, so that a reader can check the sums by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use lab_capacity::answer::{Answer, answer};
use lab_capacity::costs::Costs;
use lab_capacity::criterion::Bench;
use lab_capacity::page::{Side, page};
use lab_capacity::question::{Prices, Question, Wish};
use lab_capacity::results::{Results, Work};
use lab_capacity::text::text;

#[test]
fn costs_are_the_slopes_that_went_into_the_results() {
    let costs = Costs::of(&results()).unwrap();

    // 400 bytes, half of 8,077 bytes, 40 µs, 24 µs and 9 µs, with a few percent of noise.
    for (name, slope, wanted) in [
        ("user", &costs.user.slope, 400.0),
        ("kernel", &costs.kernel.slope, 4_038.5),
        ("handshake", &costs.handshake.slope, 40e-6),
        ("deliver", &costs.deliver.slope, 24e-6),
        ("read", &costs.read.slope, 9e-6),
    ] {
        assert!(
            (slope.value / wanted - 1.0).abs() < 0.1,
            "{name}: {slope:?}, wanted {wanted}"
        );
        assert!(slope.low <= slope.value && slope.value <= slope.high);
    }
}

#[test]
fn the_answer_for_ten_million_devices() {
    let (question, results) = (ten_million(), results());
    let costs = Costs::of(&results).unwrap();

    insta::assert_snapshot!(text(
        &question,
        &answer(&question, &results, &costs),
        &results,
        &costs
    ));
}

#[test]
fn the_page_marks_every_number_that_goes_too_far() {
    let page = page(
        &ten_million(),
        &[side(results())],
        "lab capacity --devices 10000000 --rate 1/min --bytes 512",
    );

    assert!(page.contains("†") && page.contains("× the measured"));
    for forbidden in ["<script", "<link", "src=", "url(", "http://", "https://"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    // Without the style sheet, which is looked at and not read.
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    insta::assert_snapshot!(format!("{head}{body}").replace("><", ">\n<"));
}

#[test]
fn two_machines_stand_beside_each_other() {
    let mut other = results();
    other.machine.cpu_model = "another processor".to_owned();
    other.machine.memory_bytes *= 4;

    let page = page(
        &ten_million(),
        &[side(results()), side(other)],
        "lab capacity",
    );

    assert!(page.contains("Machines beside each other") && page.contains("another processor"));
    let (_, beside) = page.split_once("id=\"machines\"").unwrap();
    let (beside, _) = beside.split_once("</section>").unwrap();
    insta::assert_snapshot!(beside.replace("><", ">\n<"));
}

#[test]
fn a_fleet_with_tls_is_answered_from_what_was_measured_with_tls() {
    let mut secured = results();
    secured.tls = true;
    let question = Question {
        tls: true,
        ..ten_million()
    };
    let side = side_of(secured, &question);

    insta::assert_snapshot!(text(&question, &side.answer, &side.results, &side.costs));
}

#[test]
fn a_hopeless_fleet_is_told_what_binds() {
    let question = Question {
        rate: 1_000.0,
        ..ten_million()
    };
    let side = side_of(results(), &question);

    insta::assert_snapshot!(text(&question, &side.answer, &side.results, &side.costs));
}

#[test]
fn workgroups_that_follow_the_law_are_shown_with_its_curve_and_others_with_a_statement() {
    let unfit = page(&ten_million(), &[side(results())], "lab capacity");
    assert!(unfit.contains("the universal scalability law needs 6"));
    assert!(!unfit.contains("Deliveries against workgroups"));
    let mut measured = results();
    measured.scaling = (1..=8).map(follows_the_law).collect();

    let fits = page(&ten_million(), &[side(measured)], "lab capacity");

    assert!(fits.contains("σ 0.05 for waiting, κ 0.002 for agreeing; most at 21.8 workgroups"));
    assert!(fits.contains("<title>Deliveries against workgroups</title>"));
}

#[test]
fn more_processors_or_bytes_than_four_times_the_measured_are_marked() {
    let far = |change: fn(&mut Question), what: &str| {
        let answer = ask(|q| {
            q.devices = 1_000;
            q.machine.cores = None;
            change(q);
        });
        answer
            .rows
            .iter()
            .any(|row| row.what == what && row.is_far())
    };

    assert!(!far(|_| {}, "processors") && !far(|_| {}, "memory"));
    assert!(far(|q| q.machine.cores = Some(64), "processors"));
    for what in ["memory", "network out", "network in from Kafka"] {
        assert!(far(|q| q.bytes = 4_096, what), "{what}");
    }
}

#[test]
fn nobody_needs_more_machines_for_fewer_devices() {
    let mut last = 0;
    for devices in [1_000, 100_000, 1_000_000, 3_000_000] {
        let needed = ask(|q| q.devices = devices).needed.unwrap();

        assert!(needed >= last, "{devices}: {needed} after {last}");
        last = needed;
    }
}

#[test]
fn where_one_gateway_cannot_read_everything_the_topics_are_split() {
    let calm = ask(|q| q.devices = 1_000_000);
    let busy = ask(|q| q.rate = 0.1);
    let hopeless = ask(|q| q.rate = 1_000.0);

    assert_eq!(calm.groups, 1);
    assert!(busy.groups > 1 && busy.needed.is_some(), "{busy:?}");
    assert!(busy.reading.contains("split the topics"));
    assert_eq!(hopeless.needed, None);
    let unable: Vec<&str> = hopeless
        .demands
        .iter()
        .filter(|demand| demand.gateways.is_none())
        .map(|demand| demand.resource)
        .collect();
    assert!(unable.contains(&"reading Kafka"), "{unable:?}");
}

#[test]
fn what_was_not_measured_is_said() {
    let answer = ask(|q| {
        q.tls = true;
        q.bytes = 4_096;
    });

    let cautions = answer.cautions.join("\n");
    assert!(cautions.contains("measured without TLS"));
    assert!(cautions.contains("measured with 512 bytes per message, asked for 4096"));
    assert!(cautions.contains("2 numbers of workgroups were measured"));
}

#[test]
fn what_was_measured_with_tls_is_no_answer_for_a_fleet_without() {
    let question = ten_million();
    let mut secured = results();
    secured.tls = true;
    let costs = Costs::of(&secured).unwrap();
    let told = |question: &Question| answer(question, &secured, &costs).cautions.join("\n");

    assert!(told(&question).contains("measured with TLS at the gateway and asked for without"));
    let asked = Question {
        tls: true,
        ..question
    };
    assert!(!told(&asked).contains("TLS"));
}

#[test]
fn a_proxy_header_costs_what_its_benchmark_says() {
    let mut measured = results();
    measured.benches.list.push(Bench {
        name: "proxy/parse/v2".to_owned(),
        mean_ns: 400e6,
        low_ns: 400e6,
        high_ns: 400e6,
    });
    let costs = Costs::of(&measured).unwrap();
    let gateways = |proxy| {
        let question = Question {
            proxy,
            churn: 1e-4,
            ..ten_million()
        };
        answer(&question, &measured, &costs)
            .total(&question)
            .unwrap()
    };

    // A thousand handshakes a second, and 0.4 s for each header: 400 processors more.
    assert!(
        gateways(true) > gateways(false) + 5,
        "{} and {}",
        gateways(true),
        gateways(false)
    );
}

#[test]
fn costs_come_from_the_users_prices_only() {
    let (mut question, results) = (ten_million(), results());
    let costs = Costs::of(&results).unwrap();
    let told = |question: &Question| {
        text(
            question,
            &answer(question, &results, &costs),
            &results,
            &costs,
        )
    };

    assert!(!told(&question).contains("cost,"));
    question.prices.egress_gigabyte = Some(0.05);
    assert!(told(&question).contains("cost, from your prices: egress"));
}

#[test]
fn a_sweep_of_one_place_is_refused_by_name() {
    let mut results = results();
    results.reads.truncate(1);

    assert_eq!(
        Costs::of(&results).unwrap_err().to_string(),
        "the results hold no usable sweep of reads; measure again with `lab capacity`"
    );
}

#[test]
fn results_survive_the_disk() {
    assert_eq!(
        Results::read(&results().write().unwrap()).unwrap(),
        results()
    );
}

/// Eight hundred records a second, as workgroups with σ 0.05 and κ 0.002 would deliver them.
fn follows_the_law(workgroups: u32) -> Work {
    let n = f64::from(workgroups);
    let rate = 40_000.0 * n / (1.0 + 0.05 * (n - 1.0) + 0.002 * n * (n - 1.0));
    Work {
        repeat: 0,
        workgroups,
        count: 1_600,
        seconds: 2.0,
        cpu_seconds: n * 1_600.0 / rate,
        grown_bytes: 0,
        times_us: None,
    }
}

fn results() -> Results {
    Results::read(include_str!("results.json")).unwrap()
}

fn ten_million() -> Question {
    Question {
        devices: 10_000_000,
        rate: 1.0 / 60.0,
        bytes: 512,
        churn: 2.0 / 86_400.0,
        tls: false,
        proxy: true,
        spare: 1,
        machine: Wish {
            cores: Some(16),
            memory_bytes: Some(96 << 30),
            network_bits: Some(25e9),
            descriptors: Some(2_000_000),
        },
        prices: Prices::default(),
    }
}

fn ask(change: impl FnOnce(&mut Question)) -> Answer {
    let mut question = ten_million();
    change(&mut question);
    side_of(results(), &question).answer
}

fn side(results: Results) -> Side {
    side_of(results, &ten_million())
}

fn side_of(results: Results, question: &Question) -> Side {
    let costs = Costs::of(&results).unwrap();
    Side {
        answer: answer(question, &results, &costs),
        costs,
        results,
    }
}
