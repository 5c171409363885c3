//! SIGINT and SIGTERM as requests to stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{NetError, Stopping};

/// Turns the first SIGINT or SIGTERM into [`Stopping::Finish`] and each later one into [`Stopping::Now`].
/// To be called inside [`block_on`](super::block_on).
///
/// # Errors
/// When the system lets nobody listen for signals.
pub fn stop_on_signals() -> Result<watch::Receiver<Stopping>, NetError> {
    let listen = |kind| signal(kind).map_err(|source| NetError::System { what: "listen for signals", source });
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let (tell, stopping) = watch::channel(Stopping::No);
    tokio::spawn(async move {
        let mut next = Stopping::Finish;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = tell.closed() => return,
            }
            tell.send_replace(next);
            next = Stopping::Now;
        }
    });
    Ok(stopping)
}

/// Waits for a request to stop that is at least `degree`; for ever when nobody can make one any more.
pub async fn stopped(stopping: &mut watch::Receiver<Stopping>, degree: Stopping) {
    if stopping.wait_for(|now| *now >= degree).await.is_err() {
        std::future::pending::<()>().await;
    }
}
