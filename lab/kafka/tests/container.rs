//! The lab's Kafka clients and faults against Apache Kafka in containers.
//!
//! Where no engine answers these tests are ignored, with the reason; `TIDEGATE_REQUIRE=all` makes that a failure.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use lab_kafka::admin::Admin;
use lab_kafka::container::ContainerCluster;
use lab_kafka::engine;
use lab_kafka::fault::{Breakable as _, Fault};
use lab_kafka::publisher::{Placed, Publisher, Record};
use lab_kafka::transaction::{End, transact};
use lab_kafka::truth::{Event, Hole, Start, Tally, TruthReader};
use libtest_mimic::{Arguments, Completion, Trial};

const PATIENCE: Duration = Duration::from_secs(60);

/// Set in the child that [`a_killed_lab_leaves_no_container`] kills.
const VICTIM: &str = "TIDEGATE_TEST_VICTIM";

fn main() -> ExitCode {
    if std::env::var_os(VICTIM).is_some() {
        return be_killed();
    }
    let arguments = Arguments::from_args();
    let refusal = engine::answers().err().map(|reason| reason.to_string());
    let required = std::env::var("TIDEGATE_REQUIRE").is_ok_and(|what| what == "all");
    let trials = tests().into_iter().map(|(name, test)| {
        let refusal = refusal.clone();
        Trial::ignorable_test(name, move || match refusal {
            None => {
                test();
                Ok(Completion::Completed)
            }
            Some(reason) if required => {
                Err(format!("required, and cannot be played here: {reason}").into())
            }
            Some(reason) => Ok(Completion::ignored_with(reason)),
        })
    });
    let code = libtest_mimic::run(&arguments, trials.collect()).exit_code();
    drop(one_broker().take());
    code
}

/// Functions with their own names.
macro_rules! named {
    ($($test:ident),* $(,)?) => { vec![$((stringify!($test), $test as fn())),*] };
}

fn tests() -> Vec<(&'static str, fn())> {
    named![
        the_truth_is_every_record_in_the_order_of_its_partition,
        a_topic_created_again_begins_anew,
        partitions_added_later_are_read_from_their_beginning,
        what_was_trimmed_before_it_was_read_is_a_hole,
        retention_shrinks_a_topic_within_seconds,
        a_broker_stopped_and_started_keeps_address_and_records,
        a_frozen_broker_answers_again_once_it_is_resumed,
        three_brokers_survive_the_loss_of_one,
        a_leader_moves_where_it_is_told,
        a_killed_lab_leaves_no_container,
        aborted_records_and_markers_are_holes_of_the_logs_own_doing,
        what_compaction_took_is_no_hole_either,
        a_cluster_that_was_away_as_a_whole_comes_back_whole,
        an_unclean_election_begins_another_history,
    ]
}

fn the_truth_is_every_record_in_the_order_of_its_partition() {
    let (cluster, topic) = topic_on_shared(2);
    let (truth, seen) = read(&cluster, &topic);

    let placed = publisher(&cluster)
        .publish_all(
            &[
                at(&topic, 0, "one"),
                at(&topic, 1, "two"),
                at(&topic, 0, "three"),
            ],
            PATIENCE,
        )
        .unwrap();
    let tally = truth.close(PATIENCE).unwrap();

    assert_eq!(placed, [place(0, 0), place(1, 0), place(0, 1)]);
    assert_eq!(
        tally,
        Tally {
            records: 3,
            holes: 0
        }
    );
    assert_eq!(
        sorted(&seen),
        ["0 0@0 one e0", "0 0@1 three e0", "0 1@0 two e0"]
    );
}

fn a_topic_created_again_begins_anew() {
    let (cluster, topic) = topic_on_shared(1);
    let admin = admin(&cluster);
    let (mut truth, seen) = read(&cluster, &topic);

    publisher(&cluster)
        .publish_all(&[at(&topic, 0, "old"), at(&topic, 0, "old")], PATIENCE)
        .unwrap();
    truth.barrier(PATIENCE).unwrap();
    admin.delete_topics(&[&topic]).unwrap();
    admin.create_topic(&topic, 1, 1, &[]).unwrap();
    truth.topic_recreated(&topic).unwrap();
    publisher(&cluster)
        .publish_all(&[at(&topic, 0, "new")], PATIENCE)
        .unwrap();
    truth.close(PATIENCE).unwrap();

    assert_eq!(
        sorted(&seen),
        ["0 0@0 old e0", "0 0@1 old e0", "1 0@0 new e0"]
    );
}

fn partitions_added_later_are_read_from_their_beginning() {
    let (cluster, topic) = topic_on_shared(1);
    let (mut truth, seen) = read(&cluster, &topic);
    truth.barrier(PATIENCE).unwrap();

    admin(&cluster).add_partitions(&topic, 3).unwrap();
    publisher(&cluster)
        .publish_all(&[at(&topic, 2, "far")], PATIENCE)
        .unwrap();
    truth.partitions_added(&topic).unwrap();
    truth.barrier(PATIENCE).unwrap();
    truth.close(PATIENCE).unwrap();

    assert_eq!(sorted(&seen), ["0 2@0 far e0"]);
}

fn what_was_trimmed_before_it_was_read_is_a_hole() {
    let (cluster, topic) = topic_on_shared(1);
    let (sink, seen) = mpsc::channel();
    publisher(&cluster)
        .publish_all(
            &[at(&topic, 0, "a"), at(&topic, 0, "b"), at(&topic, 0, "c")],
            PATIENCE,
        )
        .unwrap();

    // The reader is stuck with its first record while Kafka forgets the topic it knew.
    let (go, gate) = mpsc::channel::<()>();
    let mut gate = Some(gate);
    let truth = TruthReader::open(
        cluster.access(),
        std::slice::from_ref(&topic),
        Start::Beginning,
        move |event| match event {
            Event::Record(record) => {
                if let Some(gate) = gate.take() {
                    gate.recv().unwrap();
                }
                sink.send(Err(record.offset)).unwrap();
            }
            Event::Hole(hole) => sink.send(Ok(hole)).unwrap(),
        },
    )
    .unwrap();
    // More than the reader's client fetches ahead.
    let big = "x".repeat(900_000);
    let more: Vec<_> = (0..120).map(|_| at(&topic, 0, &big)).collect();
    publisher(&cluster).publish_all(&more, PATIENCE).unwrap();
    admin(&cluster).trim(&topic, 0, 123).unwrap();
    go.send(()).unwrap();
    truth.close(PATIENCE).unwrap();

    let (holes, offsets): (Vec<_>, Vec<_>) = seen.iter().partition(Result::is_ok);
    let last_before = i64::try_from(offsets.len()).unwrap() - 2;
    assert_eq!(
        holes,
        [Ok(Hole {
            topic,
            partition: 0,
            expected: last_before + 1,
            found: 123
        })]
    );
}

fn retention_shrinks_a_topic_within_seconds() {
    let (cluster, topic) = topic_on_shared(1);
    publisher(&cluster)
        .publish_all(&[at(&topic, 0, "old")], PATIENCE)
        .unwrap();

    let fault = Fault::ShrinkRetention {
        topic: topic.clone(),
    };
    cluster.inject(&fault, &|| false).unwrap();
    publisher(&cluster)
        .publish_all(&[at(&topic, 0, "new")], PATIENCE)
        .unwrap();

    assert_eq!(first_offset(&cluster, &topic), 1);
}

fn aborted_records_and_markers_are_holes_of_the_logs_own_doing() {
    let (cluster, topic) = topic_on_shared(1);
    let (truth, seen) = read(&cluster, &topic);
    let transact = |payload, end| {
        transact(
            cluster.access(),
            &topic,
            &[at(&topic, 0, payload)],
            end,
            PATIENCE,
        )
        .unwrap()
    };

    let placed = [
        transact("kept", End::Commit),
        transact("thrown away", End::Abort),
        transact("kept too", End::Commit),
    ]
    .concat();
    let tally = truth.close(PATIENCE).unwrap();

    // A marker behind each record.
    assert_eq!(placed, [place(0, 0), place(0, 2), place(0, 4)]);
    assert_eq!(
        tally,
        Tally {
            records: 2,
            holes: 0
        }
    );
    assert_eq!(sorted(&seen), ["0 0@0 kept e0", "0 0@4 kept too e0"]);
}

fn what_compaction_took_is_no_hole_either() {
    let (cluster, _) = topic_on_shared(1);
    let topic = "compacted";
    let config = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.0"),
        ("max.compaction.lag.ms", "1"),
    ];
    admin(&cluster).create_topic(topic, 1, 1, &config).unwrap();
    let keyed = |payload| Record {
        key: Some(b"key".to_vec()),
        ..at(topic, 0, payload)
    };
    publisher(&cluster)
        .publish_all(&[keyed("first"), keyed("second")], PATIENCE)
        .unwrap();

    // Only closed segments are compacted, and a later record closes one.
    let deadline = Instant::now() + PATIENCE;
    while first_offset(&cluster, topic) == 0 {
        assert!(Instant::now() < deadline, "the record is still there");
        publisher(&cluster)
            .publish_all(&[keyed("later")], PATIENCE)
            .unwrap();
    }
    let (truth, _seen) = read(&cluster, topic);

    assert_eq!(truth.close(PATIENCE).unwrap().holes, 0);
}

fn a_broker_stopped_and_started_keeps_address_and_records() {
    let cluster = ContainerCluster::start(1, &|| false).unwrap();
    let topic = create(&cluster, 1, 1);
    let publisher = publisher(&cluster);
    publisher
        .publish_all(&[at(&topic, 0, "before")], PATIENCE)
        .unwrap();

    cluster.stop_broker(1).unwrap();
    publisher.send(7, &at(&topic, 0, "meanwhile")).unwrap();
    cluster.start_broker(1, &|| false).unwrap();
    let outcome = publisher
        .drain(Instant::now() + PATIENCE)
        .unwrap()
        .remove(0);
    let (truth, seen) = read(&cluster, &topic);
    truth.close(PATIENCE).unwrap();

    assert_eq!(outcome.placed, Ok(place(0, 1)));
    // Stopping and starting are two elections.
    assert_eq!(sorted(&seen), ["0 0@0 before e0", "0 0@1 meanwhile e2"]);
}

fn a_frozen_broker_answers_again_once_it_is_resumed() {
    let cluster = ContainerCluster::start(1, &|| false).unwrap();
    let topic = create(&cluster, 1, 1);
    let publisher = publisher(&cluster);
    publisher
        .publish_all(&[at(&topic, 0, "before")], PATIENCE)
        .unwrap();

    cluster.pause_broker(1).unwrap();
    publisher.send(7, &at(&topic, 0, "meanwhile")).unwrap();
    let frozen = publisher.drain(Instant::now() + Duration::from_millis(500));
    cluster.resume_broker(1).unwrap();
    let outcome = publisher
        .drain(Instant::now() + PATIENCE)
        .unwrap()
        .remove(0);

    assert!(frozen.is_err());
    assert_eq!(outcome.placed, Ok(place(0, 1)));
}

fn three_brokers_survive_the_loss_of_one() {
    let cluster = ContainerCluster::start(3, &|| false).unwrap();
    let topic = create(&cluster, 1, 3);
    let publisher = publisher(&cluster);
    publisher
        .publish_all(&[at(&topic, 0, "before")], PATIENCE)
        .unwrap();

    let leader = admin(&cluster).leader(&topic, 0).unwrap().unwrap();
    cluster.kill_broker(leader).unwrap();
    let placed = publisher
        .publish_all(&[at(&topic, 0, "without")], PATIENCE)
        .unwrap();
    cluster.start_broker(leader, &|| false).unwrap();

    assert_eq!(placed, [place(0, 1)]);
    assert_ne!(admin(&cluster).leader(&topic, 0).unwrap().unwrap(), leader);
}

fn a_cluster_that_was_away_as_a_whole_comes_back_whole() {
    let cluster = ContainerCluster::start(3, &|| false).unwrap();
    let topic = create(&cluster, 1, 3);
    let publisher = publisher(&cluster);
    publisher
        .publish_all(&[at(&topic, 0, "before")], PATIENCE)
        .unwrap();

    cluster.inject(&Fault::KillAll, &|| false).unwrap();
    publisher.send(7, &at(&topic, 0, "meanwhile")).unwrap();
    cluster.inject(&Fault::StartAll, &|| false).unwrap();

    let outcome = publisher.drain(Instant::now() + PATIENCE).unwrap();
    assert_eq!(outcome[0].placed, Ok(place(0, 1)));
}

fn an_unclean_election_begins_another_history() {
    let cluster = ContainerCluster::start(3, &|| false).unwrap();
    let topic = create(&cluster, 1, 2);
    let (mut truth, seen) = read(&cluster, &topic);
    let write = |payload: &str| {
        publisher(&cluster)
            .publish_all(&[at(&topic, 0, payload)], PATIENCE)
            .unwrap()
    };
    write("kept");
    let of_partition = |fault: fn(String, i32) -> Fault| {
        cluster.inject(&fault(topic.clone(), 0), &|| false).unwrap()
    };

    of_partition(|topic, partition| Fault::IsolateLeader { topic, partition });
    write("lost");
    truth.barrier(PATIENCE).unwrap();
    of_partition(|topic, partition| Fault::ElectUncleanly { topic, partition });
    truth.log_cut().unwrap();
    let placed = write("instead");

    let tally = truth.close(PATIENCE).unwrap();
    assert_eq!(placed, [place(0, 1)]);
    assert_eq!(
        tally,
        Tally {
            records: 3,
            holes: 1
        }
    );
    let lines: Vec<String> = seen.iter().collect();
    let without_epochs: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(line, _)| line)
        .collect();
    assert_eq!(
        without_epochs,
        ["0 0@0 kept", "0 0@1 lost", "0 0@1 instead"]
    );
    assert_ne!(lines[1].rsplit_once(' '), lines[2].rsplit_once(' '));
}

fn a_leader_moves_where_it_is_told() {
    let cluster = ContainerCluster::start(3, &|| false).unwrap();
    let topic = create(&cluster, 1, 3);
    let admin = admin(&cluster);
    let (truth, seen) = read(&cluster, &topic);

    for leader in [1, 2, 3] {
        admin.move_leader(&topic, 0, leader).unwrap();
        publisher(&cluster)
            .publish_all(&[at(&topic, 0, &format!("under {leader}"))], PATIENCE)
            .unwrap();
        assert_eq!(admin.leader(&topic, 0).unwrap(), Some(leader));
    }
    truth.close(PATIENCE).unwrap();

    let epochs: Vec<String> = seen
        .iter()
        .map(|line| line.rsplit('e').next().unwrap().to_owned())
        .collect();
    assert_eq!(epochs.len(), 3);
    assert!(
        epochs.windows(2).all(|pair| pair[0] < pair[1]),
        "{epochs:?}"
    );
}

fn a_killed_lab_leaves_no_container() {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut container = String::new();
    BufReader::new(victim.stdout.take().unwrap())
        .read_line(&mut container)
        .unwrap();
    assert!(exists(container.trim()), "{container}");

    victim.kill().unwrap();
    victim.wait().unwrap();

    let deadline = Instant::now() + PATIENCE;
    while exists(container.trim()) {
        assert!(Instant::now() < deadline, "{container} is still there");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The victim: tells its container's id and waits for the end.
fn be_killed() -> ExitCode {
    let cluster = ContainerCluster::start(1, &|| false).unwrap();
    println!("{}", cluster.containers()[0]);
    loop {
        thread::park();
    }
}

fn exists(container: &str) -> bool {
    Command::new("docker")
        .args(["inspect", container])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

type Shared = std::sync::Mutex<Option<Arc<ContainerCluster>>>;

/// One broker for all tests that leave it alone.
fn one_broker() -> std::sync::MutexGuard<'static, Option<Arc<ContainerCluster>>> {
    static ONE: OnceLock<Shared> = OnceLock::new();
    ONE.get_or_init(Shared::default).lock().unwrap()
}

fn topic_on_shared(partitions: i32) -> (Arc<ContainerCluster>, String) {
    let cluster = Arc::clone(
        one_broker()
            .get_or_insert_with(|| Arc::new(ContainerCluster::start(1, &|| false).unwrap())),
    );
    let topic = create(&cluster, partitions, 1);
    (cluster, topic)
}

fn create(cluster: &ContainerCluster, partitions: i32, replication: i32) -> String {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let topic = format!(
        "topic-{}",
        NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    );
    admin(cluster)
        .create_topic(&topic, partitions, replication, &[])
        .unwrap();
    topic
}

fn admin(cluster: &ContainerCluster) -> Admin {
    cluster.admin().unwrap()
}

fn publisher(cluster: &ContainerCluster) -> Publisher {
    Publisher::connect(cluster.access(), "test").unwrap()
}

/// Lines of `incarnation partition@offset payload eEPOCH`, without barriers.
fn read(cluster: &ContainerCluster, topic: &str) -> (TruthReader, mpsc::Receiver<String>) {
    let (sink, seen) = mpsc::channel();
    let truth = TruthReader::open(
        cluster.access(),
        &[topic.to_owned()],
        Start::Beginning,
        move |event| {
            if let Event::Record(record) = event
                && !record.barrier
            {
                let payload = String::from_utf8_lossy(record.payload.unwrap_or_default());
                let epoch = record.leader_epoch.unwrap_or(-1);
                sink.send(format!(
                    "{} {}@{} {payload} e{epoch}",
                    record.incarnation, record.partition, record.offset
                ))
                .unwrap();
            }
        },
    );
    (truth.unwrap(), seen)
}

fn first_offset(cluster: &ContainerCluster, topic: &str) -> i64 {
    let (sink, seen) = mpsc::channel();
    let truth = TruthReader::open(
        cluster.access(),
        &[topic.to_owned()],
        Start::Beginning,
        move |event| {
            if let Event::Record(record) = event {
                let _ = sink.send(record.offset);
            }
        },
    );
    truth.unwrap().close(PATIENCE).unwrap();
    seen.recv().unwrap()
}

fn at(topic: &str, partition: i32, payload: &str) -> Record {
    Record {
        topic: topic.to_owned(),
        partition: Some(partition),
        payload: Some(payload.as_bytes().to_vec()),
        ..Record::default()
    }
}

fn place(partition: i32, offset: i64) -> Placed {
    Placed { partition, offset }
}

fn sorted(seen: &mpsc::Receiver<String>) -> Vec<String> {
    let mut lines: Vec<String> = seen.iter().collect();
    lines.sort();
    lines
}
