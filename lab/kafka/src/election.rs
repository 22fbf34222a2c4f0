//! Moving leaders. librdkafka cannot ask for it, and it takes two small requests, which are written here byte by byte.
//!
//! Any broker takes them and passes them to the controller. Layouts: Kafka's `clients/src/main/resources/common/message`,
//! `AlterPartitionReassignmentsRequest` version 0 and `ElectLeadersRequest` version 1.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::settings::{Access, QUESTION};

const ALTER_PARTITION_REASSIGNMENTS: i16 = 45;
const ELECT_LEADERS: i16 = 43;

/// The controller found that the preferred replica leads already.
const ELECTION_NOT_NEEDED: i16 = 84;

/// The longest answer that is believed, in bytes.
const LONGEST_ANSWER: u32 = 1 << 20;

/// What the broker may take for a request, told to the broker.
const BROKER_TIMEOUT_MS: i32 = 10_000;

/// Puts the replicas of a partition into this order; the first is the preferred leader.
pub(crate) async fn prefer(
    access: &Access,
    topic: &str,
    partition: i32,
    replicas: &[i32],
) -> anyhow::Result<()> {
    let answer = ask(access, &reassignment(topic, partition, replicas)?).await?;
    match reassigned(&answer).context("Kafka's answer to a reassignment is too short")? {
        0 => Ok(()),
        code => {
            bail!("Kafka refuses to reorder the replicas of {topic} [{partition}]: error {code}")
        }
    }
}

/// Who may win an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// The preferred replica, if it is in sync.
    Preferred,
    /// Any replica that lives, where no other can lead; what it lacks is lost.
    Unclean,
}

impl Candidate {
    /// Kafka's `ElectionType`.
    fn code(self) -> u8 {
        match self {
            Self::Preferred => 0,
            Self::Unclean => 1,
        }
    }
}

/// Lets the candidate lead a partition, if it may.
pub(crate) async fn elect(
    access: &Access,
    candidate: Candidate,
    topic: &str,
    partition: i32,
) -> anyhow::Result<()> {
    let answer = ask(access, &election(candidate, topic, partition)?).await?;
    match elected(&answer).context("Kafka's answer to an election is too short")? {
        0 | ELECTION_NOT_NEEDED => Ok(()),
        code => bail!(
            "Kafka refuses an election ({candidate:?}) for {topic} [{partition}]: error {code}"
        ),
    }
}

async fn ask(access: &Access, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut last = anyhow::anyhow!("no broker is named");
    for broker in access.bootstrap.split(',') {
        match timeout(QUESTION, exchange(broker.trim(), request)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => last = error,
            Err(_) => {
                last = anyhow::anyhow!(
                    "{broker} did not answer within {} s",
                    Duration::as_secs(&QUESTION)
                )
            }
        }
    }
    Err(last)
}

async fn exchange(broker: &str, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(broker)
        .await
        .with_context(|| format!("cannot connect to {broker}"))?;
    stream.write_u32(u32::try_from(request.len())?).await?;
    stream.write_all(request).await?;
    let len = stream.read_u32().await?;
    if len > LONGEST_ANSWER {
        bail!("{broker} announces an answer of {len} bytes; is it Kafka without TLS?");
    }
    let mut answer = vec![0; usize::try_from(len)?];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// Request header 2 (with tagged fields) and a body in the compact encoding, whose lengths are one more than they say.
fn reassignment(topic: &str, partition: i32, replicas: &[i32]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = header(ALTER_PARTITION_REASSIGNMENTS, 0);
    bytes.push(0); // no tagged fields in the header
    bytes.extend(BROKER_TIMEOUT_MS.to_be_bytes());
    bytes.push(2); // one topic
    bytes.push(compact(topic.len())?);
    bytes.extend(topic.as_bytes());
    bytes.push(2); // one partition
    bytes.extend(partition.to_be_bytes());
    bytes.push(compact(replicas.len())?);
    bytes.extend(replicas.iter().flat_map(|replica| replica.to_be_bytes()));
    bytes.extend([0, 0, 0]); // no tagged fields in partition, topic, request
    Ok(bytes)
}

fn election(candidate: Candidate, topic: &str, partition: i32) -> anyhow::Result<Vec<u8>> {
    let mut bytes = header(ELECT_LEADERS, 1);
    bytes.push(candidate.code());
    bytes.extend(1_i32.to_be_bytes());
    bytes.extend(i16::try_from(topic.len())?.to_be_bytes());
    bytes.extend(topic.as_bytes());
    bytes.extend(1_i32.to_be_bytes());
    bytes.extend(partition.to_be_bytes());
    bytes.extend(BROKER_TIMEOUT_MS.to_be_bytes());
    Ok(bytes)
}

fn header(key: i16, version: i16) -> Vec<u8> {
    const CLIENT: &[u8; 3] = b"lab";
    let mut bytes = Vec::new();
    bytes.extend(key.to_be_bytes());
    bytes.extend(version.to_be_bytes());
    bytes.extend(1_i32.to_be_bytes()); // correlation
    bytes.extend([0, 3]);
    bytes.extend(CLIENT);
    bytes
}

/// A compact length: one more, as an unsigned varint; one byte suffices below 127, but Kafka's topic names may have 249.
fn compact(len: usize) -> anyhow::Result<u8> {
    u8::try_from(len + 1)
        .ok()
        .filter(|len| *len < 0x80)
        .context("the lab moves leaders only of topics with names below 127 bytes")
}

/// The first error in the answer to [`reassignment`]: of the request, else of its only partition.
fn reassigned(answer: &[u8]) -> Option<i16> {
    let mut rest = Rest(answer);
    rest.skip(4 + 1 + 4)?; // correlation, tagged fields, throttle time
    let whole = rest.int16()?;
    rest.skip_compact()?; // message
    if whole != 0 || rest.byte()? < 2 {
        return Some(whole);
    }
    rest.skip_compact()?; // topic
    rest.skip(1 + 4)?; // one partition, its number
    rest.int16()
}

/// The first error in the answer to [`election`]. Partitions that needed no election may be left out.
fn elected(answer: &[u8]) -> Option<i16> {
    let mut rest = Rest(answer);
    rest.skip(4 + 4)?; // correlation, throttle time
    let whole = rest.int16()?;
    if whole != 0 || rest.int32()? == 0 {
        return Some(whole);
    }
    let topic = rest.int16()?;
    rest.skip(usize::try_from(topic).ok()?)?;
    if rest.int32()? == 0 {
        return Some(0);
    }
    rest.skip(4)?; // its number
    rest.int16()
}

/// What of an answer has not been read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.get(bytes..)?;
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn int16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn int32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes([
            self.byte()?,
            self.byte()?,
            self.byte()?,
            self.byte()?,
        ]))
    }

    /// A compact string that may be null; the lab's own are short.
    fn skip_compact(&mut self) -> Option<()> {
        let len = usize::from(self.byte()?);
        self.skip(len.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_answer_makes_us_panic(answer: Vec<u8>) {
            let _ = (reassigned(&answer), elected(&answer));
        }
    }

    #[test]
    fn a_name_that_needs_a_longer_length_is_refused_not_mangled() {
        let name = "x".repeat(127);

        assert!(reassignment(&name, 0, &[1]).is_err());
    }
}
