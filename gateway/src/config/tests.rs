use std::net::SocketAddr;
use std::time::Duration;

use gateway_protocol::placement::Hashing;

use super::*;

fn parse(text: &str) -> Result<Config, Vec<Complaint>> {
    Config::parse(text, Path::new("."))
}

const SMALL: &str = r#"[[listener]]
address = "127.0.0.1:0"

[kafka]
topics = ["telemetry"]

[kafka.properties]
"bootstrap.servers" = "127.0.0.1:9092"
"#;

#[test]
fn the_smallest_file_means_a_complete_configuration() {
    let config = parse(SMALL).unwrap();

    assert_eq!(config.admin, SocketAddr::from(([127, 0, 0, 1], 8801)));
    assert_eq!(config.workgroups.placement, Placement::Hashed(Hashing::Ip));
    assert_eq!(config.listeners[0].path, "/");
    assert!(matches!(
        config.listeners[0].proxy_protocol,
        ProxyProtocol::Forbidden
    ));
    assert_eq!(config.kafka.topics, ["telemetry"]);
    assert_eq!(config.kafka.identity, TopicIdentity::Id);
    assert_eq!(config.cache.messages, 1_000);
    assert_eq!(config.cache.max_age, Duration::from_secs(180));
}

#[test]
fn both_names_of_connection_offload_are_one_switch() {
    let known_name = parse(&format!("X.ConnectionOffload = true\n{SMALL}")).unwrap();
    let our_name = parse(&format!("{SMALL}[workgroups]\nconnection-offload = true\n")).unwrap();

    let by_port = Placement::Hashed(Hashing::IpPort);
    assert_eq!(known_name.workgroups.placement, by_port);
    assert_eq!(our_name.workgroups.placement, by_port);
}

#[test]
fn one_switch_cannot_stand_in_two_positions() {
    let text =
        format!("X.ConnectionOffload = true\n{SMALL}[workgroups]\nconnection-offload = false\n");

    assert_eq!(
        complaints(&text),
        "f:11:22: `connection-offload` is false, but X.ConnectionOffload is true\n   \
         |\n11 | connection-offload = false\n   \
         |                      ^^^^^ they are one switch: keep one of the two\n"
    );
}

#[test]
fn placement_may_repeat_the_switch_and_not_contradict_it() {
    let placed = |switch: &str, placement: &str| {
        parse(&format!(
            "{switch}\n{SMALL}[workgroups]\nplacement = {placement:?}\n"
        ))
        .map(|config| config.workgroups.placement)
        .map_err(|complaints| complaints.len())
    };

    let by_port = Placement::Hashed(Hashing::IpPort);
    assert_eq!(placed("", "ip"), Ok(Placement::Hashed(Hashing::Ip)));
    assert_eq!(placed("", "ip-port"), Ok(by_port));
    assert_eq!(placed("X.ConnectionOffload = true", "ip-port"), Ok(by_port));
    assert_eq!(placed("", "least-loaded"), Ok(Placement::LeastLoaded));
    assert_eq!(placed("X.ConnectionOffload = true", "ip"), Err(1));
    assert_eq!(placed("X.ConnectionOffload = false", "ip-port"), Err(1));
    assert_eq!(placed("X.ConnectionOffload = true", "least-loaded"), Err(1));
}

#[test]
fn a_contradiction_names_both_sides() {
    let text =
        format!("X.ConnectionOffload = true\n{SMALL}[workgroups]\nplacement = \"least-loaded\"\n");

    assert_eq!(
        complaints(&text),
        "f:11:13: `placement` contradicts `X.ConnectionOffload = true`\n   \
         |\n11 | placement = \"least-loaded\"\n   \
         |             ^^^^^^^^^^^^^^ \"least-loaded\" looks at no address: delete `X.ConnectionOffload`, or the placement\n"
    );
}

#[test]
fn a_hash_key_without_a_hash_is_refused() {
    let key = "hash-key = \"000102030405060708090a0b0c0d0e0f\"";
    let found = complaints(&format!(
        "{SMALL}[workgroups]\nplacement = \"least-loaded\"\n{key}\n"
    ));

    assert!(
        found.contains("`hash-key` means nothing where nothing is hashed"),
        "{found}"
    );
}

#[test]
fn either_key_of_batching_switches_it_on() {
    let batching = |keys: &str| {
        let text = SMALL.replace("[kafka]", &format!("{keys}\n[kafka]"));
        parse(&text).map(|config| config.listeners[0].batching)
    };
    let on = |millis, max_bytes| {
        Some(gateway_engine::Batching {
            max_delay: Duration::from_millis(millis),
            max_bytes,
        })
    };

    assert_eq!(batching("").unwrap(), None);
    assert_eq!(
        batching("batching.max-delay = \"5ms\"").unwrap(),
        on(5, 16 << 10)
    );
    assert_eq!(
        batching("batching.max-bytes = \"1KiB\"").unwrap(),
        on(10, 1 << 10)
    );
    assert!(batching("batching.max-delay = \"0ms\"").is_err());
    assert!(batching("batching.max-delay = \"2s\"").is_err());
    assert!(batching("batching.max-bytes = 0").is_err());
    assert!(batching("batching.max-dealy = \"5ms\"").is_err());
}

#[test]
fn either_key_of_compression_switches_it_on() {
    let compression = |keys: &str| {
        let text = SMALL.replace("[kafka]", &format!("{keys}\n[kafka]"));
        parse(&text).map(|config| config.listeners[0].compression)
    };
    let on = |level, min_bytes| Some(Compression { level, min_bytes });

    assert_eq!(compression("").unwrap(), None);
    assert_eq!(compression("compression.level = 6").unwrap(), on(6, 256));
    assert_eq!(
        compression("compression.min-bytes = \"1KiB\"").unwrap(),
        on(2, 1 << 10)
    );
    assert!(compression("compression.level = 0").is_err());
    assert!(compression("compression.level = 10").is_err());
    assert!(compression("compression.min-byte = 1").is_err());
}

#[test]
fn origins_are_spelt_as_browsers_do() {
    let origins = |keys: &str| {
        let text = SMALL.replace("[kafka]", &format!("{keys}\n[kafka]"));
        parse(&text).map(|config| config.listeners[0].origins.clone())
    };

    assert_eq!(origins("").unwrap(), None);
    let named = origins("origins = [\"https://a.example\"]")
        .unwrap()
        .unwrap();
    assert!(named.allow(Some("https://a.example")) && !named.allow(Some("https://b.example")));
    let nobody = origins("origins = []").unwrap().unwrap();
    assert!(nobody.allow(None) && !nobody.allow(Some("https://a.example")));
    assert!(origins("origins = [\"https://a.example/\"]").is_err());
    assert!(origins("origins = \"https://a.example\"").is_err());
}

#[test]
fn conflation_names_subjects_that_are_carried_once() {
    let conflation = |tables: &str| {
        parse(&format!("{SMALL}{tables}"))
            .map(|config| config.conflation)
            .map_err(|complaints| complaints.len())
    };
    let table = |subjects: &str, interval: &str| {
        format!("[[conflation]]\nsubjects = {subjects:?}\ninterval = {interval:?}\n")
    };
    let good = table("/telemetry/*", "200ms");

    let read = conflation(&good).unwrap();
    assert_eq!(read[0].interval, Duration::from_millis(200));
    assert_eq!(read[0].key(), None);
    assert_eq!(conflation(&table("/other/*", "200ms")), Err(1));
    assert_eq!(conflation(&table("telemetry", "200ms")), Err(1));
    assert_eq!(conflation(&table("/telemetry/a", "0s")), Err(1));
    assert_eq!(conflation(&format!("{good}{good}")), Err(1));
    assert_eq!(conflation("[[conflation]]\n"), Err(2));
}

#[test]
fn a_misspelt_key_gets_the_nearest_word() {
    assert_eq!(
        complaints(&SMALL.replace("address", "adress")),
        "f:1:1: [[listener]] has no `address`\n  \
         |\n1 | [[listener]]\n  | ^^^^^^^^^^^^ write address = \"0.0.0.0:8800\"\n\n\
         f:2:1: unknown key `adress` in [[listener]]\n  \
         |\n2 | adress = \"127.0.0.1:0\"\n  | ^^^^^^ did you mean `address`?\n"
    );
}

#[test]
fn a_misspelt_table_gets_the_nearest_word() {
    let found = complaints(&format!("{SMALL}[cash]\nmessages = 1\n"));

    assert_eq!(
        found,
        "f:9:2: unknown key `cash` in the file\n  |\n9 | [cash]\n  |  ^^^^ did you mean `cache`?\n"
    );
}

#[test]
fn a_wrong_type_is_answered_with_what_to_write() {
    let found = complaints(&format!("{SMALL}[cache]\nmax-age = 180\n"));

    assert_eq!(
        found,
        "f:10:11: `max-age` in [cache] cannot be the number 180\n   \
         |\n10 | max-age = 180\n   \
         |           ^^^ write a duration such as \"200ms\", \"5s\", \"3m\" or \"1h\"\n"
    );
}

#[test]
fn a_word_off_the_list_gets_the_nearest_of_the_list() {
    let found = complaints(&SMALL.replace("topics =", "topic-identity = \"nam\"\ntopics ="));

    assert_eq!(
        found,
        "f:5:18: `topic-identity` in [kafka] cannot be \"nam\"\n  \
         |\n5 | topic-identity = \"nam\"\n  |                  ^^^^^ did you mean \"name\"?\n"
    );
}

#[test]
fn properties_that_break_a_promise_are_refused_with_the_promise() {
    for (property, value) in [
        ("acks", "1"),
        ("enable.idempotence", "false"),
        ("isolation.level", "read_uncommitted"),
        ("enable.auto.commit", "true"),
        ("auto.offset.reset", "latest"),
        ("partitioner", "consistent"),
        ("transactional.id", "t"),
    ] {
        let found = complaints(&format!("{SMALL}\"{property}\" = \"{value}\"\n"));

        assert!(
            found.starts_with(&format!(
                "f:9:{}: `{property}` = {value:?} would break a promise: ",
                property.len() + 6
            )),
            "{found}"
        );
    }
}

#[test]
fn properties_that_keep_their_promise_may_be_written() {
    let text = format!("{SMALL}acks = \"all\"\nenable.idempotence = true\nlinger.ms = 2\n");

    let config = parse(&text).unwrap();

    assert_eq!(config.kafka.properties["linger.ms"], "2");
    assert_eq!(config.kafka.properties["enable.idempotence"], "true");
}

#[test]
fn a_property_that_librdkafka_does_not_know_gets_the_nearest_one() {
    let found = complaints(&format!("{SMALL}\"linger.mss\" = \"5\"\n"));

    assert_eq!(
        found,
        "f:9:1: librdkafka refuses `linger.mss`: No such configuration property: \"linger.mss\"\n  \
         |\n9 | \"linger.mss\" = \"5\"\n  | ^^^^^^^^^^^^ did you mean `linger.ms`?\n"
    );
}

#[test]
fn one_port_cannot_require_the_header_and_forbid_it() {
    let text = format!(
        "[[listener]]\naddress = \"0.0.0.0:8800\"\nproxy-protocol = \"required\"\ntrusted = [\"10.0.0.0/8\"]\n{}",
        SMALL.replace("127.0.0.1:0", "127.0.0.1:8800")
    );

    let found = complaints(&text);

    assert_eq!(
        found,
        "f:6:11: two listeners want 127.0.0.1:8800\n  \
         |\n6 | address = \"127.0.0.1:8800\"\n  |           ^^^^^^^^^^^^^^^^ \
         one port either requires the PROXY header or forbids it: give each listener its own port\n"
    );
}

#[test]
fn the_admin_port_cannot_be_a_listener_s() {
    let text = format!(
        "{}[admin]\naddress = \"127.0.0.1:8800\"\n",
        SMALL.replace("127.0.0.1:0", "0.0.0.0:8800")
    );

    assert!(
        complaints(&text)
            .starts_with("f:10:11: 127.0.0.1:8800 is also the address of a listener\n")
    );
}

#[test]
fn a_required_header_needs_somebody_who_is_trusted() {
    let text = SMALL.replace("[kafka]", "proxy-protocol = \"required\"\n[kafka]");

    assert!(
        complaints(&text)
            .starts_with("f:4:18: a PROXY header is required, but nobody is trusted to send one\n")
    );
}

#[test]
fn trust_means_nothing_where_the_header_is_forbidden() {
    let text = SMALL.replace("[kafka]", "trusted = [\"10.0.0.0/8\"]\n[kafka]");

    assert!(
        complaints(&text)
            .starts_with("f:4:11: `trusted` means nothing where the PROXY header is forbidden\n")
    );
}

#[test]
fn a_gateway_needs_brokers_and_topics_and_a_listener() {
    let found = complaints("");

    for missing in [
        "there is no [[listener]]",
        "[kafka] has no `topics`",
        "nobody says where Kafka is",
    ] {
        assert!(found.contains(missing), "{missing} in {found}");
    }
}

#[cfg(not(feature = "control-hashes"))]
#[test]
fn a_control_hash_is_refused_by_a_gateway_without_them() {
    let found = complaints(&format!(
        "{SMALL}[workgroups]\ncontrol-hash = \"port-modulo\"\n"
    ));

    assert!(
        found.starts_with("f:10:16: this gateway has no control hashes: they are bad on purpose\n"),
        "{found}"
    );
}

#[test]
fn broken_toml_is_a_complaint_like_any_other() {
    assert!(complaints("[[listener]\n").starts_with("f:1:"));
}

/// All complaints about `text`, as people read them.
fn complaints(text: &str) -> String {
    let complaints = parse(text).unwrap_err();
    let rendered: Vec<String> = complaints
        .iter()
        .map(|complaint| complaint.render("f", text))
        .collect();
    rendered.join("\n")
}
