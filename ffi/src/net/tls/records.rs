//! A TLS session and the bytes on both sides of it, whatever carries them.
//!
//! rustls' own buffers take 4 KiB of ciphertext at a time and give out a record a write; here a call of the system
//! carries as much as on a plain link, and what came is decrypted where it lies.

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{CommonState, Error};

/// Content of a full record.
const CONTENT_BYTES: usize = 16 << 10;
/// What a record adds to its content.
const OVERHEAD_BYTES: usize = 32;
/// Room for what else may have to go out first: an alert, a change of keys.
const ASIDE_BYTES: usize = 256;

/// One end of a session.
pub trait Session: Send + 'static {
    /// What rustls keeps for this end.
    type Data;

    /// Takes in records from the front of `incoming`, up to the first thing that there is to be done.
    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// What is the same for both ends.
    fn common(&self) -> &CommonState;
}

impl Session for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

impl Session for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

/// A session with what came and what goes out.
pub struct Records<S> {
    session: S,
    /// Ciphertext that came: what is left of it lies from `start` to `end`.
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    /// Plaintext that nobody had room for, from `taken` on.
    kept: Vec<u8>,
    taken: usize,
    outgoing: Outgoing,
    /// The peer has announced the end.
    is_over: bool,
    failed: Option<Error>,
}

impl<S: Session> Records<S> {
    /// Begins a session.
    pub fn new(session: S) -> Records<S> {
        Records {
            session,
            incoming: Vec::new(),
            start: 0,
            end: 0,
            kept: Vec::new(),
            taken: 0,
            outgoing: Outgoing::default(),
            is_over: false,
            failed: None,
        }
    }

    /// What is known of the session.
    pub fn session(&self) -> &CommonState {
        self.session.common()
    }

    /// Whether the peer has announced the end, and all plaintext was taken.
    pub fn is_over(&self) -> bool {
        self.is_over && self.taken == self.kept.len()
    }

    /// Where the next `bytes` of ciphertext are read to; [`Records::came`] says how many those were.
    pub fn room(&mut self, bytes: usize) -> &mut [u8] {
        // Less than a record, once all that came was taken in.
        self.incoming.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let needed = self.end + bytes;
        if self.incoming.len() < needed {
            self.incoming.resize(needed, 0);
        }
        &mut self.incoming[self.end..needed]
    }

    /// So many bytes of ciphertext were read.
    pub fn came(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// Goes on with what came, up to the next plaintext; whether there is any. The peer may have to be told something
    /// afterwards, after an error too: [`Records::unsent`].
    pub fn advance(&mut self) -> Result<bool, Error> {
        if self.taken == self.kept.len() {
            let mut kept = self.empty_kept();
            let reached = self.turn(&[], &mut |bytes| kept.extend_from_slice(bytes));
            self.kept = kept;
            reached?;
        }
        Ok(self.taken < self.kept.len())
    }

    /// Takes plaintext out, as much as is there and fits: none where more must come first, or all is over. Otherwise
    /// like [`Records::advance`].
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let waiting = &self.kept[self.taken..];
        let mut done = waiting.len().min(into.len());
        into[..done].copy_from_slice(&waiting[..done]);
        self.taken += done;
        while done < into.len() {
            let mut kept = self.empty_kept();
            let reached = self.turn(&[], &mut |bytes| {
                let (now, later) = bytes.split_at(bytes.len().min(into.len() - done));
                into[done..done + now.len()].copy_from_slice(now);
                done += now.len();
                kept.extend_from_slice(later);
            });
            self.kept = kept;
            match reached {
                Ok(true) => {}
                Ok(false) => break,
                // Told by the next call.
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Encrypts: [`Records::unsent`] goes out then.
    pub fn seal(&mut self, content: &[u8]) -> Result<(), Error> {
        let mut kept = std::mem::take(&mut self.kept);
        let sealed = loop {
            // What came and was not taken in yet comes first.
            match self.turn(content, &mut |bytes| kept.extend_from_slice(bytes)) {
                Ok(true) => {}
                other => break other,
            }
        };
        self.kept = kept;
        sealed.map(drop)
    }

    /// Says goodbye, where the handshake came that far.
    pub fn seal_end(&mut self) {
        if self.failed.is_some() {
            return;
        }
        let incoming = &mut self.incoming[self.start..self.end];
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) = self.session.process(incoming).state
        {
            // Without it the peer finds out by the end of the connection.
            let _ = self.outgoing.add(ASIDE_BYTES, |room| {
                traffic
                    .queue_close_notify(room)
                    .map_err(|_| Error::EncryptError)
            });
        }
    }

    /// What is to be written to the peer.
    pub fn unsent(&self) -> &[u8] {
        &self.outgoing.bytes[self.outgoing.sent..self.outgoing.end]
    }

    /// So many bytes of it were written.
    pub fn went(&mut self, bytes: usize) {
        self.outgoing.sent += bytes;
    }

    /// The buffer for plaintext, all of which was taken.
    fn empty_kept(&mut self) -> Vec<u8> {
        self.taken = 0;
        let mut kept = std::mem::take(&mut self.kept);
        kept.clear();
        kept
    }

    /// Takes in records until there is plaintext (true), or no whole one is left: then `content` is encrypted.
    fn turn(&mut self, content: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let reached = loop {
            let incoming = &mut self.incoming[self.start..self.end];
            let UnbufferedStatus { mut discard, state } = self.session.process(incoming);
            let reached = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
                    match traffic.next_record() {
                        Some(Ok(record)) => {
                            discard += record.discard;
                            take(record.payload);
                        }
                        Some(Err(error)) => break Err(error),
                        None => break Ok(Some(true)),
                    }
                },
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    self.outgoing.add_record(data).map(|()| None)
                }
                // It is among what is unsent, and goes out before anything that is encrypted from now on.
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    Ok(None)
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.is_over = true;
                    Ok(None)
                }
                Ok(ConnectionState::WriteTraffic(mut traffic)) if !content.is_empty() => {
                    let records = content.len().div_ceil(CONTENT_BYTES);
                    let most = content.len() + records * OVERHEAD_BYTES + ASIDE_BYTES;
                    let sealed = self.outgoing.add(most, |room| {
                        traffic
                            .encrypt(content, room)
                            .map_err(|_| Error::EncryptError)
                    });
                    sealed.map(|()| Some(false))
                }
                Ok(_) if !content.is_empty() => Err(Error::HandshakeNotComplete),
                Ok(_) => Ok(Some(false)),
                Err(error) => Err(error),
            };
            self.start += discard;
            match reached {
                Ok(None) => {}
                Ok(Some(is_plaintext)) => break Ok(is_plaintext),
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = &reached {
            self.failed = Some(error.clone());
            self.gather_alert();
        }
        reached
    }

    /// What the peer is told of an error here: one alert, which comes before anything that is taken in.
    fn gather_alert(&mut self) {
        let incoming = &mut self.incoming[self.start..self.end];
        if let Ok(ConnectionState::EncodeTlsData(data)) = self.session.process(incoming).state {
            // Without it the peer finds out by the end of the connection.
            let _ = self.outgoing.add_record(data);
        }
    }
}

/// Ciphertext on its way out.
#[derive(Default)]
struct Outgoing {
    /// What is not sent yet lies from `sent` to `end`.
    bytes: Vec<u8>,
    sent: usize,
    end: usize,
}

impl Outgoing {
    /// Has at most `most` bytes added.
    fn add(
        &mut self,
        most: usize,
        write: impl FnOnce(&mut [u8]) -> Result<usize, Error>,
    ) -> Result<(), Error> {
        if self.sent == self.end {
            (self.sent, self.end) = (0, 0);
        }
        let room = self.end + most;
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
        self.end += write(&mut self.bytes[self.end..room])?;
        Ok(())
    }

    /// Adds a record of the handshake, or about the session.
    fn add_record<D>(&mut self, mut data: EncodeTlsData<'_, D>) -> Result<(), Error> {
        // Too little room costs nothing: the error says how much it takes.
        let most = match data.encode(&mut []) {
            Err(EncodeError::InsufficientSize(needed)) => needed.required_size,
            _ => return Ok(()),
        };
        self.add(most, |room| {
            data.encode(room).map_err(|_| Error::EncryptError)
        })
    }
}

#[cfg(test)]
mod tests;
