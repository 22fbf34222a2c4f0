//! A test stand: a server under measurement with a fleet of its own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::child::ChildPart;
use crate::error::BenchError;
use crate::gateway::Gateway;
use crate::host::Host;
use crate::parts::Part;
use crate::parts::words::{Answer, Counts, FleetSetting, Latency, Manners, Order, now};
use crate::{memory, processor};

/// Patience for so many devices to connect, or messages to arrive, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that leaves the processor alone for this long has nothing left to do.
const QUIET: Duration = Duration::from_millis(50);

/// What counts as leaving it alone; a gateway asks Kafka for news all the time.
const NOTHING: Duration = Duration::from_micros(2_500);

/// Something that sends to all its devices.
pub(crate) trait Server {
    /// Where devices connect.
    fn address(&self) -> SocketAddr;

    /// Its process.
    fn pid(&self) -> u32;

    /// Has `messages` messages of `bytes` bytes sent to everybody, ready together.
    fn broadcast(&mut self, messages: usize, bytes: usize, stamp: u64) -> Result<(), BenchError>;
}

/// See the module.
pub(crate) struct Stand<'a, S> {
    /// Goes first, so that no device finds its server gone.
    fleet: ChildPart<'a>,
    pub(crate) server: S,
    devices: usize,
}

impl<'a, S: Server> Stand<'a, S> {
    /// Starts the fleet; nobody is connected yet.
    pub(crate) fn new(host: &'a dyn Host, server: S, manners: Manners) -> Result<Self, BenchError> {
        let setting = FleetSetting {
            server: server.address(),
            manners,
        };
        let setting = serde_json::to_string(&setting).map_err(anyhow::Error::from)?;
        let fleet = ChildPart::start(host, Part::Fleet, &setting)?;
        Ok(Self {
            fleet,
            server,
            devices: 0,
        })
    }

    /// Has so many devices connected, and subscribed if they are to.
    pub(crate) fn connect(&mut self, devices: usize) -> Result<(), BenchError> {
        self.fleet.order(&Order::Connect { devices })?;
        self.devices = devices;
        match self.fleet.answer(PATIENCE)? {
            Answer::Ready => Ok(()),
            answer => Err(self.fleet.unexpected(&answer)),
        }
    }

    /// Has so many of the connected devices read no more. What is sent from now on is counted for the others only.
    pub(crate) fn stop_reading(&mut self, devices: usize) -> Result<(), BenchError> {
        self.fleet.order(&Order::StopReading { devices })?;
        self.devices -= devices;
        match self.fleet.answer(PATIENCE)? {
            Answer::Ready => Ok(()),
            answer => Err(self.fleet.unexpected(&answer)),
        }
    }

    /// Devices that are connected and read.
    pub(crate) fn devices(&self) -> usize {
        self.devices
    }

    /// Ends all connections and waits until the server has noticed.
    pub(crate) fn close(&mut self) -> Result<(), BenchError> {
        self.fleet.order(&Order::Close)?;
        self.devices = 0;
        match self.fleet.answer(PATIENCE)? {
            Answer::Closed => self.settle(),
            answer => Err(self.fleet.unexpected(&answer)),
        }
    }

    /// Waits until the server leaves the processor alone.
    pub(crate) fn settle(&self) -> Result<(), BenchError> {
        let deadline = Instant::now() + PATIENCE;
        let mut before = self.cpu()?;
        while Instant::now() < deadline {
            std::thread::sleep(QUIET);
            let after = self.cpu()?;
            if after - before < NOTHING {
                return Ok(());
            }
            before = after;
        }
        Err(anyhow::anyhow!("the server did not come to rest").into())
    }

    /// Sends to everybody, `rounds` times, each time when all have the message before.
    pub(crate) fn broadcast(
        &mut self,
        rounds: usize,
        messages: usize,
        bytes: usize,
    ) -> Result<(), BenchError> {
        let (mut expected, _) = self.counts()?;
        for _ in 0..rounds {
            expected += (messages * self.devices) as u64;
            self.server.broadcast(messages, bytes, now())?;
            self.await_messages(expected)?;
        }
        Ok(())
    }

    /// CPU time of the server per delivered message, in microseconds.
    pub(crate) fn cpu_per_message(
        &mut self,
        rounds: usize,
        messages: usize,
        bytes: usize,
    ) -> Result<f64, BenchError> {
        let before = self.cpu()?;
        self.broadcast(rounds, messages, bytes)?;
        let spent = self.cpu()? - before;
        Ok(spent.as_secs_f64() * 1e6 / (rounds * messages * self.devices) as f64)
    }

    /// Waits until this many messages have come in all.
    pub(crate) fn await_messages(&mut self, messages: u64) -> Result<(), BenchError> {
        self.fleet.order(&Order::Await { messages })?;
        match self.fleet.answer(PATIENCE)? {
            Answer::Reached => Ok(()),
            answer => Err(self.fleet.unexpected(&answer)),
        }
    }

    /// Messages that came in all, and the bytes of the latest.
    pub(crate) fn counts(&mut self) -> Result<(u64, usize), BenchError> {
        let counts = self.count()?;
        Ok((counts.messages, counts.latest_bytes))
    }

    /// Writes of all devices so far. Devices that have all subscribed write nothing but answers to pings.
    pub(crate) fn writes(&mut self) -> Result<u64, BenchError> {
        Ok(self.count()?.writes)
    }

    fn count(&mut self) -> Result<Counts, BenchError> {
        self.fleet.order(&Order::Count)?;
        match self.fleet.answer(PATIENCE)? {
            Answer::Counts(counts) => Ok(counts),
            answer => Err(self.fleet.unexpected(&answer)),
        }
    }

    /// Latencies since this was asked last: of each delivery, and of the last device of each message.
    pub(crate) fn latencies(&mut self) -> Result<(Latency, Latency), BenchError> {
        self.fleet.order(&Order::Latencies)?;
        match self.fleet.answer(PATIENCE)? {
            Answer::Latencies { each, last } => Ok((each, last)),
            answer => Err(self.fleet.unexpected(&answer)),
        }
    }

    /// CPU time of the server so far.
    pub(crate) fn cpu(&self) -> Result<Duration, BenchError> {
        Ok(processor::of_process(self.server.pid())?)
    }

    /// The fleet's process.
    pub(crate) fn fleet_pid(&self) -> u32 {
        self.fleet.pid()
    }

    /// User memory of the server.
    pub(crate) fn memory(&self) -> Result<u64, BenchError> {
        Ok(memory::resident(self.server.pid())?)
    }

    /// User memory with so many devices each, as points of a line.
    pub(crate) fn memory_line(&mut self, steps: &[usize]) -> Result<Vec<(f64, f64)>, BenchError> {
        let mut line = Vec::new();
        for &devices in steps {
            self.connect(devices)?;
            self.settle()?;
            line.push((devices as f64, self.memory()? as f64));
        }
        Ok(line)
    }
}

impl Stand<'_, Gateway> {
    /// Finds out how long a message is around its data, by sending one.
    pub(crate) fn calibrate(&mut self) -> Result<(), BenchError> {
        const DATA: usize = 300;
        self.broadcast(1, 1, DATA)?;
        let (_, bytes) = self.counts()?;
        self.server.set_envelope(bytes.saturating_sub(DATA));
        Ok(())
    }
}
