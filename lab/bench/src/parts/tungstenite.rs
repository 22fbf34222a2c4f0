//! A server on tokio-tungstenite, as one writes it first: a task per connection that waits for the next broadcast and for
//! the device. The one thing that may be tuned is the size of its read buffer.

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::accept_async_with_config;
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

use super::words::{Answer, Order, message, orders, say};

/// Messages that may wait for a task.
const WAITING: usize = 1024;

/// Runs until standard input ends.
pub(super) fn play(read_buffer: Option<usize>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("no runtime")?;
    let (news, _) = broadcast::channel(WAITING);
    let publisher = news.clone();
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // The bench is told by the end of this process.
        let _ = ended.send(publish(&publisher));
    });
    runtime.block_on(async {
        tokio::select! {
            served = serve(&news, read_buffer) => served,
            published = end => published.context("the orders' thread ended")?,
        }
    })
}

fn publish(news: &broadcast::Sender<Message>) -> anyhow::Result<()> {
    for order in orders() {
        let Order::Broadcast {
            messages,
            bytes,
            stamp,
        } = order?
        else {
            continue;
        };
        let message = Message::text(message(bytes, stamp));
        for _ in 0..messages {
            news.send(message.clone()).context("nobody is connected")?;
        }
    }
    Ok(())
}

async fn serve(
    news: &broadcast::Sender<Message>,
    read_buffer: Option<usize>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("no port to listen on")?;
    let address = listener.local_addr()?;
    say(&Answer::Listening { address });
    let config = read_buffer.map(|size| WebSocketConfig::default().read_buffer_size(size));
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(connection(socket, config, news.subscribe()));
    }
}

async fn connection(
    socket: TcpStream,
    config: Option<WebSocketConfig>,
    mut news: broadcast::Receiver<Message>,
) -> anyhow::Result<()> {
    socket.set_nodelay(true)?;
    let (mut device, mut said) = accept_async_with_config(socket, config).await?.split();
    loop {
        tokio::select! {
            message = news.recv() => device.send(message?).await?,
            said = said.next() => match said {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(()),
            },
        }
    }
}
