//! One key sealed by another, for a file: AES-256-GCM, bound to what stands in front of it.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::{KEY_BYTES, KeyError, RootKey};
use crate::seal::random;

/// Bytes of a sealed key: nonce, key, tag.
pub(crate) const BOXED_BYTES: usize = NONCE_LEN + KEY_BYTES + 16;

/// Seals `root` under `key`; `front` is what it is bound to.
pub(crate) fn seal(key: &[u8; KEY_BYTES], front: &[u8], root: &RootKey) -> Result<Vec<u8>, KeyError> {
    let nonce: [u8; NONCE_LEN] = random().map_err(|_| KeyError::NoRandom)?;
    let mut boxed = Vec::with_capacity(BOXED_BYTES); // the plain key must not be left behind by growing
    boxed.extend_from_slice(&nonce);
    boxed.extend_from_slice(&*root.0);
    let sealed =
        UnboundKey::new(&AES_256_GCM, key).ok().zip(boxed.get_mut(NONCE_LEN..)).and_then(|(key, body)| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            LessSafeKey::new(key).seal_in_place_separate_tag(nonce, Aad::from(front), body).ok()
        });
    boxed.extend_from_slice(sealed.ok_or(KeyError::NoRandom)?.as_ref()); // the lengths are right: it never fails
    Ok(boxed)
}

/// Opens what [`seal`] made; `None` if the key or the front is another.
pub(crate) fn open(key: &[u8; KEY_BYTES], front: &[u8], boxed: &[u8]) -> Option<RootKey> {
    let (nonce, body) = boxed.split_first_chunk::<NONCE_LEN>()?;
    let mut body = zeroize::Zeroizing::new(body.to_vec());
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let plain = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(front), &mut body).ok()?;
    let mut bytes: [u8; KEY_BYTES] = (&*plain).try_into().ok()?;
    Some(RootKey::from_bytes(&mut bytes))
}
