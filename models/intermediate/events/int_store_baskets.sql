{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'event_id',
        'from': {
            'stg_store__transaction_lines': {'landed': 'event_id'},
        },
    }},
) }}

{#-
    The lines of a receipt as one event. A basket without a current line keeps a withdrawn row, so that the timeline
    drops its event. A superseded line that carries an identifier is a superseded version of its basket, under the
    line's own version key: an identifier is first seen in any version that landed.
-#}
with lines as (
    select
        version_key,
        event_id,
        transaction_id,
        line_number,
        store_id,
        till_id,
        identifiers,
        sales_value,
        row_status,
        sold_at,
        loaded_at,
        changed_in
    from {{ ref('stg_store__transaction_lines') }}
    where
        row_status <> 'duplicate'
        and {{ is_changed('event_id') }}
),

-- counted over all lines: a withdrawn line changes the basket as well
baskets as (
    select
        'store.baskets:' || transaction_id as record_key,
        event_id,
        transaction_id,
        count_if(row_status = 'current') > 0 as has_current_lines,
        min(sold_at) as first_sold_at,
        max(loaded_at) as loaded_at,
        max(changed_in) as changed_in
    from lines
    group by event_id, transaction_id
),

current_baskets as (
    select
        event_id,
        min_by(store_id, line_number) as store_id,
        min_by(till_id, line_number) filter (where till_id is not null) as till_id,
        -- the card may be scanned when half of the goods are scanned already
        min_by(
            identifiers, (case when {{ element_count('identifiers') }} > 0 then 0 else 1 end, line_number)
        ) as identifiers,
        cast(count(*) as bigint) as line_count,
        cast(count_if(sales_value <= 0) as bigint) as negative_or_zero_line_count,
        cast(sum(sales_value) as decimal(18, 2)) as amount,
        min(sold_at) as sold_at
    from lines
    where row_status = 'current'
    group by event_id
),

versions as (
    select
        baskets.record_key as version_key,
        baskets.record_key,
        baskets.event_id,
        baskets.transaction_id as reference_id,
        current_baskets.identifiers,
        {{ json_of({
            'store_id': 'current_baskets.store_id',
            'till_id': 'current_baskets.till_id',
            'line_count': 'current_baskets.line_count',
            'negative_or_zero_line_count': 'current_baskets.negative_or_zero_line_count',
        }) }} as properties,
        current_baskets.amount,
        case when baskets.has_current_lines then 'current' else 'withdrawn' end as row_status,
        coalesce(current_baskets.sold_at, baskets.first_sold_at) as occurred_at,
        baskets.loaded_at,
        baskets.changed_in
    from baskets
    left join current_baskets
        on current_baskets.event_id = baskets.event_id
    union all
    select
        lines.version_key,
        baskets.record_key,
        lines.event_id,
        baskets.transaction_id as reference_id,
        lines.identifiers,
        cast(null as {{ dbt.type_string() }}) as properties,
        cast(null as decimal(18, 2)) as amount,
        lines.row_status,
        lines.sold_at as occurred_at,
        baskets.loaded_at,
        baskets.changed_in
    from lines
    inner join baskets
        on baskets.event_id = lines.event_id
    where lines.row_status = 'superseded' and {{ element_count('lines.identifiers') }} > 0
)

select
    version_key,
    record_key,
    event_id,
    'store_purchase' as event_name,
    'store' as source_system,
    'store' as channel,
    'till' as touchpoint,
    'inbound' as direction,
    -- receipts have no currency: they are in the reporting currency
    {{ text_literal(var('reporting_currency')) }} as currency,
    reference_id,
    'receipt' as reference_kind,
    identifiers,
    properties,
    amount,
    row_status,
    occurred_at,
    loaded_at,
    changed_in
from versions
