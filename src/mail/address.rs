//! Reply addresses that only this shop can make.
//!
//! A mail's reply address is `mail.from` with a part behind a `+`, which names the room and the
//! database's epoch and is signed with a key that the server keeps in the database. Whoever has it has
//! got a mail about that room. Mail servers keep neither case nor more than 64 characters of the
//! part in front of the `@`, hence base32 and a short signature.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use lettre::Address;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::chat::RoomId;

/// What the signature is about, so that the key signs nothing else by accident.
const CONTEXT: &[u8] = b"shoptalk reply address 1";
/// Bytes of the signature that an address carries. Each guess costs a mail.
const SIGNATURE_BYTES: usize = 10;
const EPOCH_BYTES: usize = 2;
const BYTES: usize = 16 + EPOCH_BYTES + SIGNATURE_BYTES;
/// Characters of the signed part.
const CHARS: usize = 45;

/// Makes and recognises reply addresses.
#[derive(Clone)]
pub(crate) struct ReplyAddresses {
    key: [u8; 32],
    from: Address,
    epoch: [u8; EPOCH_BYTES],
}

impl std::fmt::Debug for ReplyAddresses {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ReplyAddresses")
            .field("from", &self.from.to_string())
            .finish_non_exhaustive()
    }
}

/// What an address of a mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressKind {
    /// Nothing of ours.
    Foreign,
    /// `mail.from` itself.
    Plain,
    /// It has a signed part that this server has not made.
    Forged,
    /// It is the reply address of this room.
    Room {
        room: RoomId,
        /// Whether it was made before a backup was restored.
        is_older_epoch: bool,
    },
}

impl ReplyAddresses {
    pub(crate) fn new(key: [u8; 32], from: Address, epoch: &str) -> Self {
        let digest = Sha256::digest(epoch.as_bytes());
        Self {
            key,
            from,
            epoch: [digest[0], digest[1]],
        }
    }

    /// The signed part for a room.
    pub(crate) fn token(&self, room: RoomId) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend(room.as_bytes());
        bytes.extend(self.epoch);
        let signature = self.mac(&bytes).finalize().into_bytes();
        bytes.extend(&signature[..SIGNATURE_BYTES]);
        BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
    }

    /// Where replies about a room go, and mail that cannot be delivered.
    pub(crate) fn of_room(&self, room: RoomId) -> Address {
        let name = format!("{}+{}", self.from.user(), self.token(room));
        // A signed part has letters and digits only.
        Address::new(name, self.from.domain()).unwrap_or_else(|_| self.from.clone())
    }

    /// The id of a mail about a room.
    pub(crate) fn message_id(&self, mail: Uuid, room: Option<RoomId>) -> String {
        let domain = self.from.domain();
        match room {
            Some(room) => format!("<{}.{}@{domain}>", mail.simple(), self.token(room)),
            None => format!("<{}.shoptalk@{domain}>", mail.simple()),
        }
    }

    /// The id that all mail about a room refers to, so that mail programs show it together.
    pub(crate) fn thread_id(&self, room: RoomId) -> String {
        format!("<{}@{}>", self.token(room), self.from.domain())
    }

    /// What an address is.
    pub(crate) fn kind(&self, address: &str) -> AddressKind {
        let Some((name, domain)) = address.rsplit_once('@') else {
            return AddressKind::Foreign;
        };
        if !domain.eq_ignore_ascii_case(self.from.domain()) {
            return AddressKind::Foreign;
        }
        let (base, token) = match name.split_once('+') {
            Some((base, token)) => (base, Some(token)),
            None => (name, None),
        };
        if !base.eq_ignore_ascii_case(self.from.user()) {
            return AddressKind::Foreign;
        }
        match token {
            None => AddressKind::Plain,
            Some(token) => self.room(token).unwrap_or(AddressKind::Forged),
        }
    }

    fn room(&self, token: &str) -> Option<AddressKind> {
        if token.len() != CHARS {
            return None;
        }
        let bytes = BASE32_NOPAD
            .decode(token.to_ascii_uppercase().as_bytes())
            .ok()?;
        let (signed, signature) = bytes.split_at_checked(BYTES - SIGNATURE_BYTES)?;
        self.mac(signed).verify_truncated_left(signature).ok()?;
        let (room, epoch) = signed.split_at_checked(16)?;
        Some(AddressKind::Room {
            room: Uuid::from_slice(room).ok()?,
            is_older_epoch: epoch != self.epoch,
        })
    }

    fn mac(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length is taken");
        mac.chain_update(CONTEXT).chain_update(bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn addresses(key: u8, epoch: &str) -> ReplyAddresses {
        let from = "chat@shop.example".parse().expect("an address");
        ReplyAddresses::new([key; 32], from, epoch)
    }

    #[test]
    fn a_reply_address_names_its_room_in_any_case() {
        let ours = addresses(1, "epoch");
        let room = Uuid::now_v7();
        let address = ours.of_room(room).to_string();
        assert!(address.split('@').next().expect("a name").len() <= 64);
        let expected = AddressKind::Room {
            room,
            is_older_epoch: false,
        };
        assert_eq!(ours.kind(&address), expected);
        assert_eq!(ours.kind(&address.to_ascii_uppercase()), expected);
        let restored = addresses(1, "another");
        assert_eq!(
            restored.kind(&address),
            AddressKind::Room {
                room,
                is_older_epoch: true,
            }
        );
    }

    #[test]
    fn a_changed_or_foreign_address_names_none() {
        let ours = addresses(1, "epoch");
        let address = ours.of_room(Uuid::now_v7()).to_string();
        assert_eq!(
            addresses(2, "epoch").kind(&address),
            AddressKind::Forged,
            "of another key"
        );
        for at in 5..5 + CHARS {
            let mut changed = address.clone().into_bytes();
            changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(ours.kind(&changed), AddressKind::Forged, "{changed}");
        }
        assert_eq!(ours.kind("chat+@shop.example"), AddressKind::Forged);
        assert_eq!(ours.kind("CHAT@Shop.Example"), AddressKind::Plain);
        for foreign in ["", "@", "chat", "chat@evil.example", "chats@shop.example"] {
            assert_eq!(ours.kind(foreign), AddressKind::Foreign, "{foreign}");
        }
    }
}
