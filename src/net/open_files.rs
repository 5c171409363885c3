//! How many clients a process's limit of open files leaves room for.
//!
//! A server that runs out of descriptors cannot keep its promises to those it has: a message that has begun needs a file.
//! So the limit is reckoned with beforehand, and clients beyond it are refused.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that a server has open beside those of its clients, and some more: standard streams, event queues, signals, the
/// port, the recording, a folder.
const BESIDE_CLIENTS: u64 = 32;

/// How many clients a server can have at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientPlaces {
    /// Clients: as many as wanted, or as the system allows, and 1 at least.
    pub clients: usize,
    /// Files that this process may open; `None` when there is no limit.
    pub open_files: Option<u64>,
}

/// Sees to it that this process may open the files of `wanted` clients, each with `files` of them (its socket, and its
/// message where that becomes a file): raises the process's own limit as far as that needs and the system lets it.
#[must_use]
pub fn client_places(wanted: usize, files: u64) -> ClientPlaces {
    let needed = (wanted as u64).saturating_mul(files).saturating_add(BESIDE_CLIENTS);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let open_files = match current {
        Some(current) if current < needed => {
            let raised = Some(maximum.map_or(needed, |maximum| maximum.min(needed)));
            // One that may not be raised is still a limit.
            setrlimit(Resource::Nofile, Rlimit { current: raised, maximum }).map_or(Some(current), |()| raised)
        }
        current => current,
    };
    ClientPlaces { clients: places(wanted, files, open_files), open_files }
}

fn places(wanted: usize, files: u64, open_files: Option<u64>) -> usize {
    let Some(open_files) = open_files else { return wanted };
    let room = open_files.saturating_sub(BESIDE_CLIENTS) / files.max(1);
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn clients_get_what_is_left_of_the_limit_and_one_there_is_always() {
        assert_eq!(places(1000, 1, None), 1000);
        assert_eq!(places(1000, 1, Some(1032)), 1000);
        assert_eq!(places(1000, 2, Some(1032)), 500);
        assert_eq!(places(10, 2, Some(1032)), 10);
        assert_eq!(places(1000, 2, Some(33)), 1);
        assert_eq!(places(1000, 2, Some(3)), 1);
    }
}
