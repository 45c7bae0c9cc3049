use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpStream;

/// To which addresses a client connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All.
    Anywhere,
    /// Only those that are public, whatever names resolve to: for URLs that others have given.
    PublicAddresses,
}

/// Finds and connects to servers.
#[derive(Clone)]
pub(super) struct Network {
    pub(super) reach: Reach,
    #[cfg(test)]
    pub(super) simulated: Option<super::tests::Simulated>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            reach: Reach::Anywhere,
            #[cfg(test)]
            simulated: None,
        }
    }
}

impl Network {
    /// Connects to a host; `None` when it has no address that may be reached. The name is resolved
    /// once, and what is checked is what is connected to: it may resolve differently the next time.
    pub(super) async fn connect(&self, host: &str, port: u16) -> io::Result<Option<TcpStream>> {
        let mut addresses = self.resolve(host, port).await?;
        if self.reach == Reach::PublicAddresses {
            addresses.retain(|address| is_public(address.ip()));
            if addresses.is_empty() {
                return Ok(None);
            }
        }
        self.connect_to(&addresses).await.map(Some)
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        #[cfg(test)]
        if let Some(simulated) = &self.simulated {
            return simulated.resolve(host);
        }
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    async fn connect_to(&self, addresses: &[SocketAddr]) -> io::Result<TcpStream> {
        #[cfg(test)]
        if let Some(simulated) = &self.simulated {
            return simulated.connect(addresses).await;
        }
        TcpStream::connect(addresses).await
    }
}

/// Whether an address is of the internet, and not of this machine, its network or a tunnel into one.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation();
    !special
        && match address.octets() {
            // This network; shared by customers of a provider; protocols; measurements; reserved.
            [0, ..] | [192, 0, 0, _] | [198, 18..=19, ..] | [240..=255, ..] => false,
            [100, second, ..] => !(64..=127).contains(&second),
            _ => true,
        }
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // An address of version 4 in another form is what it stands for.
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4((u32::from(high) << 16 | u32::from(low)).into())
        }
        // Documentation, tunnels and protocols; the rest of 2000::/3 is of the internet.
        [0x2001, 0xdb8, ..] | [0x2001, 0..=0x1ff, ..] | [0x2002, ..] | [0x3fff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}
