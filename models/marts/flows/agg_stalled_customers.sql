{#-
    Pools of the stalled, with all open intervals of the phase as the base. By segment, figures of fewer than
    `min_cell_size` customers are suppressed, and so are figures that reveal them: those of a segment whose outside is as
    small (stalled or open), and those of the next larger channel if one channel of a segment alone is suppressed, or
    several that are as few together.
-#}
{%- set phase = ['journey_id', 'journey_version', 'phase_id'] %}
{%- set pool = phase + ['channel'] %}
with open_intervals as (
    select
        intervals.interval_id,
        intervals.journey_id,
        intervals.journey_version,
        intervals.phase_id,
        intervals.customer_id,
        {{ channel_as_dimension('intervals.entry_channel') }} as channel,
        stalled.interval_id is not null as is_stalled,
        stalled.dwell_seconds,
        norms.norm_seconds,
        stalled.value_basis,
        stalled.value_at_risk,
        stalled.without_rate_count,
        owners.responsible,
        owners.accountable,
        stalled.entered_at,
        {{ seconds_between('stalled.last_contact_at', as_of()) }} as silent_seconds
    from {{ ref('int_phase_intervals') }} as intervals
    left join {{ ref('stalled_customers') }} as stalled
        on stalled.interval_id = intervals.interval_id
    left join {{ ref('int_phase_norms') }} as norms
        on
            norms.journey_id = intervals.journey_id
            and norms.journey_version = intervals.journey_version
            and norms.phase_id = intervals.phase_id
    left join {{ ref('int_phase_owners') }} as owners
        on
            owners.journey_id = intervals.journey_id
            and owners.journey_version = intervals.journey_version
            and owners.phase_id = intervals.phase_id
    where intervals.outcome = 'pending'
),

open_intervals_by_segment as (
    select open_intervals.*, 'all' as segment from open_intervals
    union all
    select open_intervals.*, members.segment
    from open_intervals
    inner join {{ ref('int_segment_members') }} as members
        on members.customer_id = open_intervals.customer_id
),

open_intervals_by_pool as (
    select open_intervals_by_segment.*, channel as pool_channel from open_intervals_by_segment
    union all
    select open_intervals_by_segment.*, 'all' from open_intervals_by_segment
),

-- a customer with several cases is in a pool several times, and worth what they are worth once
open_intervals_in_turn as (
    select
        open_intervals_by_pool.*,
        row_number() over (
            partition by journey_id, journey_version, phase_id, segment, pool_channel, customer_id
            order by is_stalled desc, interval_id asc
        ) = 1 as is_first_of_customer
    from open_intervals_by_pool
),

counted as (
    select
        journey_id,
        journey_version,
        phase_id,
        pool_channel as channel,
        segment,
        min(responsible) as responsible,
        min(accountable) as accountable,
        count(*) as open_count,
        count_if(is_stalled) as stalled_count,
        count_if(is_stalled) / nullif(count(*), 0) as stalled_share,
        percentile_disc(0.5) within group (order by dwell_seconds) as median_dwell_seconds,
        min(norm_seconds) as norm_seconds,
        percentile_disc(0.5) within group (order by silent_seconds) as median_silent_seconds,
        count(distinct customer_id) as open_customer_count,
        count(distinct case when is_stalled then customer_id end) as stalled_customer_count,
        sum(value_at_risk) filter (where is_first_of_customer) as value_at_risk,
        sum(value_at_risk) filter (where is_first_of_customer and value_basis = 'own') as own_value_at_risk,
        count_if(is_first_of_customer and coalesce(value_basis = 'own', false)) as own_value_count,
        count_if(is_first_of_customer and coalesce(value_basis = 'journey_median', false))
            as median_value_count,
        sum(without_rate_count) filter (where is_first_of_customer) as without_rate_count,
        min(case when is_stalled then entered_at end) as oldest_entered_at
    from open_intervals_in_turn
    group by journey_id, journey_version, phase_id, segment, pool_channel
),

counted_with_outside as (
    select
        counted.*,
        {{ outside_segment('stalled_customer_count', pool) }} as stalled_customer_count_outside,
        {{ outside_segment('open_customer_count', pool) }} as open_customer_count_outside,
        {{ outside_segment('own_value_count', pool) }} as own_value_count_outside,
        {{ outside_segment('median_value_count', pool) }} as median_value_count_outside
    from counted
),

assessed as (
    select
        counted_with_outside.*,
        {{ is_small_group(
            'stalled_customer_count', ['stalled_customer_count_outside', 'open_customer_count_outside']
        ) }} as is_small,
        -- the sum shows what one customer spent where few are valued by it, or all but few
        segment <> 'all' and (
            own_value_count between 1 and {{ var('min_cell_size') }} - 1
            or own_value_count_outside between 1 and {{ var('min_cell_size') }} - 1
            or median_value_count between 1 and {{ var('min_cell_size') }} - 1
            or median_value_count_outside between 1 and {{ var('min_cell_size') }} - 1
        ) as is_value_of_few
    from counted_with_outside
),

suppressed as (
    select
        assessed.*,
        is_small or ({{ reveals_small_part('stalled_customer_count', phase) }}) as is_suppressed
    from assessed
)

select
    journey_id,
    journey_version,
    phase_id,
    channel,
    segment,
    responsible,
    accountable,
    {% for column, data_type in [
        ('open_count', 'bigint'), ('stalled_count', 'bigint'), ('stalled_share', 'double'),
        ('median_dwell_seconds', 'bigint'), ('norm_seconds', 'bigint'), ('median_silent_seconds', 'bigint'),
        ('value_at_risk', 'decimal(18, 2)'), ('without_rate_count', 'bigint'),
    ] -%}
    case when not is_suppressed then cast({{ column }} as {{ data_type }}) end as {{ column }},
    {% endfor -%}
    {% for column, data_type in [
        ('own_value_at_risk', 'decimal(18, 2)'), ('own_value_count', 'bigint'), ('median_value_count', 'bigint'),
    ] -%}
    case when not is_suppressed and not is_value_of_few then cast({{ column }} as {{ data_type }}) end
        as {{ column }},
    {% endfor -%}
    is_suppressed,
    case when not is_suppressed then oldest_entered_at end as oldest_entered_at
from suppressed
