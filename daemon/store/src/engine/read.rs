//! How questions are answered from rows: the one set of rules for all local engines.

use std::ops::{Bound, Range};

use almanac_base::TenantId;
use bytes::Bytes;

use super::apply::{collection_head, tenant_head};
use super::layout::{GROUPS_ROW, key_in, row_key, row_range, split, tenant_in, tenant_range};
use super::{EngineError, Heads, Order, Page, RawResult, ReadOp, Row, Scan, Values};
use crate::limits::{SCAN_BYTES_MAX, SCAN_ROWS_MAX};
use crate::space::{Key, Space};

/// Whether a visit goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Go,
    Stop,
}

/// The bounds of a visit.
pub(crate) type Span<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// What a visit calls with each row and its stored value.
pub(crate) type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> Result<Next, EngineError> + 'a;

/// Ordered rows in one state.
pub(crate) trait Rows {
    /// The stored value of a row: the version, then the value.
    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;
    /// Shows the rows of `span` to `visitor` until it stops. A span that ends before it begins is empty. Where values
    /// may be omitted, a stored value may end after its version.
    fn visit(
        &self,
        span: Span<'_>,
        order: Order,
        values: Values,
        visitor: &mut Visitor<'_>,
    ) -> Result<(), EngineError>;
}

/// The bounds of a half-open range.
pub(crate) fn bounds(range: &Range<Vec<u8>>) -> Span<'_> {
    (Bound::Included(&range.start), Bound::Excluded(&range.end))
}

/// Whether no key can lie in `span`; ordered maps differ in how they take such a span.
pub(crate) fn is_empty(span: &Span<'_>) -> bool {
    matches!(span, (Bound::Included(start), Bound::Excluded(end)) if start >= end)
}

/// Answers all `ops`, and says the tenant's head.
pub(crate) fn read<R: Rows + ?Sized>(
    rows: &R,
    tenant: TenantId,
    ops: &[ReadOp],
) -> Result<(u64, Vec<RawResult>), EngineError> {
    let answers = ops.iter().map(|op| match op {
        ReadOp::GetMany(keys) => Ok(RawResult::Rows(get_many(rows, tenant, keys)?)),
        ReadOp::Scan(wanted) => Ok(RawResult::Page(scan(rows, tenant, wanted)?)),
        ReadOp::CollectionHead(collection) => {
            Ok(RawResult::Head(collection_head(rows, tenant, *collection)?.seq))
        }
    });
    let answers = answers.collect::<Result<_, EngineError>>()?;
    Ok((tenant_head(rows, tenant)?, answers))
}

/// The rows with these keys.
pub(crate) fn get_many<R: Rows + ?Sized>(
    rows: &R,
    tenant: TenantId,
    keys: &[(Space, Key)],
) -> Result<Vec<Option<Row>>, EngineError> {
    let found = keys.iter().map(|(space, key)| {
        let Some(stored) = rows.get(&row_key(tenant, *space, key))? else {
            return Ok(None);
        };
        let stored = Bytes::from(stored);
        let version = split(&stored)?.0;
        Ok(Some((version, stored.slice(16..))))
    });
    found.collect()
}

/// One page of a range.
pub(crate) fn scan<R: Rows + ?Sized>(rows: &R, tenant: TenantId, wanted: &Scan) -> Result<Page, EngineError> {
    let range = row_range(tenant, wanted.space, &wanted.range.start, &wanted.range.end);
    let limit = wanted.limit.min(SCAN_ROWS_MAX) as usize;
    let mut page = Page::default();
    let mut bytes = 0_usize;
    rows.visit(bounds(&range), wanted.order, wanted.values, &mut |row, stored| {
        if page.rows.len() >= limit || bytes >= SCAN_BYTES_MAX {
            page.next = Some(match wanted.order {
                Order::Ascending => key_in(row),
                Order::Descending => {
                    page.rows.last().map_or_else(|| wanted.range.end.clone(), |(key, _)| key.clone())
                }
            });
            return Ok(Next::Stop);
        }
        let (version, value) = split(stored)?;
        let value = match wanted.values {
            Values::Include => Bytes::copy_from_slice(value),
            Values::Omit => Bytes::new(),
        };
        bytes = bytes.saturating_add(value.len());
        page.rows.push((key_in(row), (version, value)));
        Ok(Next::Go)
    })?;
    Ok(page)
}

/// How far the rows have come: one look-up per tenant.
pub(crate) fn heads(rows: &dyn Rows) -> Result<Heads, EngineError> {
    let mut heads = Heads { groups: groups(rows)?, ..Heads::default() };
    let mut from = Bound::Excluded(GROUPS_ROW.to_vec());
    loop {
        let mut found = None;
        let span = (from.as_ref().map(Vec::as_slice), Bound::Unbounded);
        rows.visit(span, Order::Ascending, Values::Omit, &mut |row, _| {
            found = tenant_in(row);
            Ok(Next::Stop)
        })?;
        let Some(tenant) = found else {
            return Ok(heads);
        };
        let seq = tenant_head(rows, tenant)?;
        if seq > 0 {
            heads.tenants.insert(tenant, seq);
        }
        from = match tenant_range(tenant).1 {
            Bound::Excluded(end) => Bound::Included(end),
            _ => return Ok(heads),
        };
    }
}

/// How many groups were made durable.
pub(crate) fn groups(rows: &dyn Rows) -> Result<u64, EngineError> {
    let Some(stored) = rows.get(GROUPS_ROW)? else {
        return Ok(0);
    };
    let (_, value) = split(&stored)?;
    let bytes =
        value.first_chunk::<8>().ok_or(EngineError::Corrupt("the count of groups has a wrong form"))?;
    Ok(u64::from_be_bytes(*bytes))
}
