//! The texts of messages, with words as people use them: a few words are frequent, most are rare
//! (Zipf's law), lengths vary around 80 characters, and some have an order number. They cost the
//! text index what messages of a shop cost it; one sentence repeated again and again costs half.
//!
//! They are made once, from a fixed seed, so that two runs post the same messages.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Messages that are made. After the last, the first one is next.
const MESSAGES: usize = 8_192;
/// How many different words there are.
const WORDS: usize = 6_000;
/// The law's offset: a word of rank r is used in proportion to 1 / (r + OFFSET).
const OFFSET: f64 = 2.7;
/// Characters of a message: on average, at least and at most.
const AVERAGE: f64 = 80.0;
const SHORTEST: usize = 8;
const LONGEST: usize = 480;
/// One of this many messages has an order number.
const ORDERS: usize = 6;
const SEED: u64 = 0x005e_ed0f_ca7a_1095;

/// A message of 80 characters, for servers that echo bytes and need all to be equally long.
pub(crate) const TYPICAL: &str =
    "Hello, I ordered the blue kettle last week and it has not arrived yet. Any news?";

/// The commonest words, roughly in their order; the rest is made up of syllables.
const COMMON: &str = "the i to and it is you a my for of in have that order not we on this was with \
    can your but be are me so if has thanks please what do will hello as when or yes no there just one at they \
    from it's get been would an by am only how still all out any our don't back which hi did up then could \
    more also i'm them sorry size time delivery now need two thank know new where because today see than \
    some again does had ordered good here return see parcel want were after like very send about ok sure \
    other address before email it'll check day colour tomorrow week make first both arrived help price let \
    stock wrong yesterday right shop sent number sorry available their works who another day days card great \
    blue too account use black money paid refund well think last same label said find into small received \
    long once already without got long change question different large why three payment pay tracking \
    invoice open ship item red perfect item box yet working white morning items really most code discount \
    even shipping until take look monday friday afternoon page website instead wait left site post office \
    nothing big exchange customer credit between broken put under came something missing cancel try kettle \
    maybe green love better phone call next gift each always weeks battery looking cable store warranty \
    colours never lid old door neighbour nobody home charge bank voucher month company damaged glass heavy \
    medium cheap hours fast light free water top bottom screen part parts leak smell handle switch button \
    shoes jacket dress shirt trousers sleeve fits tight loose length width height measure chart wool cotton";

/// Syllables that the other words are made of, with letters and lengths of real words.
const ONSETS: [&str; 24] = [
    "b", "br", "c", "ch", "d", "f", "fl", "g", "gr", "h", "k", "l", "m", "n", "p", "pl", "r", "s",
    "sh", "st", "t", "tr", "v", "w",
];
const VOWELS: [&str; 9] = ["a", "e", "i", "o", "u", "ea", "ou", "ai", "ee"];
const CODAS: [&str; 12] = ["", "", "", "n", "r", "l", "s", "t", "nd", "ck", "ng", "st"];

static POOL: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(SEED);
    let words = vocabulary(&mut random);
    (0..MESSAGES)
        .map(|_| message(&mut random, &words))
        .collect()
});
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The next message. It needs no escaping in JSON.
pub(crate) fn next() -> &'static str {
    &POOL[NEXT.fetch_add(1, Ordering::Relaxed) % MESSAGES]
}

/// The words with their cumulative shares of all uses, the most common first.
fn vocabulary(random: &mut fastrand::Rng) -> Vec<(String, f64)> {
    let mut words: Vec<String> = COMMON.split_whitespace().map(str::to_owned).collect();
    let mut known = HashSet::new();
    words.retain(|word| known.insert(word.clone()));
    while words.len() < WORDS {
        let syllables = 2 + random.usize(0..3);
        let mut word = String::new();
        for _ in 0..syllables {
            word.push_str(ONSETS[random.usize(0..ONSETS.len())]);
            word.push_str(VOWELS[random.usize(0..VOWELS.len())]);
        }
        word.push_str(CODAS[random.usize(0..CODAS.len())]);
        if known.insert(word.clone()) {
            words.push(word);
        }
    }
    let mut upto = 0.0;
    let weighed = words.into_iter().enumerate().map(|(rank, word)| {
        upto += 1.0 / (rank as f64 + OFFSET);
        (word, upto)
    });
    weighed.collect()
}

fn message(random: &mut fastrand::Rng, words: &[(String, f64)]) -> String {
    let whole = words.last().map_or(1.0, |(_, upto)| *upto);
    // Most messages are short and a few are long.
    let length = -(1.0 - random.f64()).ln() * (AVERAGE - SHORTEST as f64);
    let length = (SHORTEST + length as usize).min(LONGEST);
    let mut text = String::new();
    let mut starts = true;
    while text.len() < length {
        let at = random.f64() * whole;
        let rank = words.partition_point(|(_, upto)| *upto < at);
        let word = words[rank.min(words.len() - 1)].0.as_str();
        if !text.is_empty() {
            text.push(' ');
        }
        if starts {
            text.extend(word[..1].chars().map(|letter| letter.to_ascii_uppercase()));
            text.push_str(&word[1..]);
        } else {
            text.push_str(word);
        }
        starts = random.usize(0..9) == 0;
        if starts {
            text.push(['.', '?', '!', ','][random.usize(0..4)]);
        }
    }
    if random.usize(0..ORDERS) == 0 {
        let _ = write!(text, " #{}", random.u32(10_000..1_000_000));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_long_and_as_varied_as_people_write() {
        let average = POOL.iter().map(String::len).sum::<usize>() as f64 / MESSAGES as f64;
        assert!((76.0..=84.0).contains(&average), "{average} characters");
        assert!(POOL.iter().all(|text| text.len() <= LONGEST + 24));
        assert!(POOL.iter().all(|text| !text.contains(['"', '\\'])));
        let mut uses = std::collections::HashMap::new();
        for word in POOL.iter().flat_map(|text| text.split(' ')) {
            let word = word.trim_matches(['.', '?', '!', ',']).to_lowercase();
            *uses.entry(word).or_insert(0) += 1;
        }
        assert!(uses.len() > WORDS * 3 / 4, "{} words", uses.len());
        let mut often: Vec<u32> = uses.into_values().collect();
        often.sort_unstable();
        let all: u32 = often.iter().sum();
        // By Zipf's law, the ten most common words are a fifth to a third of all uses.
        let ten: u32 = often.iter().rev().take(10).sum();
        let share = f64::from(ten) / f64::from(all);
        assert!((0.15..0.35).contains(&share), "{share}");
    }

    #[test]
    fn the_typical_message_is_of_average_length() {
        assert_eq!(TYPICAL.len() as f64, AVERAGE);
    }
}
