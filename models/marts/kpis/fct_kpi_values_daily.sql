{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'measured_on',
        'from': {
            'int_measure_values_daily': 'measured_on',
            'kpis': 'all',
            'measures': 'all',
        },
    }},
) }}

{#-
    Counts add up over the dimensions; ratios are recomputed from the counts of each breakdown. By segment, figures of
    fewer than `min_cell_size` customers are suppressed, and so are figures that reveal them: those of a segment whose
    outside is as small, and those of the next larger channel if one channel of a segment alone is suppressed, or
    several that are as few together.

    Spend is of no customer: where a measure is spend there are no rows by segment. Orders are placed on another channel
    than money was spent on, and a customer is served on another than what it is for: where only one of the two is spend, or
    costs, rows by channel have no value, only its two parts. Credits are of the channel that money was spent on.
-#}
with kpis as (
    select
        kpis.kpi_id,
        kpis.numerator_measure_id,
        kpis.denominator_measure_id,
        {{ is_share_of_counts('kpis', 'numerators', 'denominators') }} as is_share_of_counts,
        coalesce(numerators.subject = 'spend' or denominators.subject = 'spend', false) as is_of_spend,
        coalesce(
            numerators.subject <> denominators.subject
            and (
                numerators.subject in ('spend', 'costs', 'credits')
                or denominators.subject in ('spend', 'costs', 'credits')
            )
            -- both are of the channel of the ad
            and not (
                numerators.subject in ('spend', 'credits') and denominators.subject in ('spend', 'credits')
            ),
            false
        ) as is_half_money
    from {{ ref('kpis') }} as kpis
    inner join {{ ref('measures') }} as numerators
        on numerators.measure_id = kpis.numerator_measure_id
    left join {{ ref('measures') }} as denominators
        on denominators.measure_id = kpis.denominator_measure_id
),

daily as (
    select measure_id, channel, segment, measured_value, customer_count, without_rate_count, measured_on
    from {{ ref('int_measure_values_daily') }}
    where {{ is_changed('measured_on') }}
),

parts as (
    select
        kpis.kpi_id,
        daily.channel,
        daily.segment,
        daily.measured_on,
        'numerator' as part,
        kpis.denominator_measure_id is null as is_base,
        daily.measured_value,
        daily.customer_count,
        daily.without_rate_count
    from kpis
    inner join daily
        on
            daily.measure_id = kpis.numerator_measure_id
            and (daily.segment = 'all' or not kpis.is_of_spend)
    union all
    select
        kpis.kpi_id,
        daily.channel,
        daily.segment,
        daily.measured_on,
        'denominator',
        true,
        daily.measured_value,
        daily.customer_count,
        daily.without_rate_count
    from kpis
    inner join daily
        on
            daily.measure_id = kpis.denominator_measure_id
            and (daily.segment = 'all' or not kpis.is_of_spend)
),

counted as (
    select
        parts.kpi_id,
        parts.channel,
        parts.segment,
        parts.measured_on,
        cast(
            coalesce(max(parts.measured_value) filter (where parts.part = 'numerator'), 0) as double
        ) as numerator,
        cast(max(parts.measured_value) filter (where parts.part = 'denominator') as double) as denominator,
        coalesce(max(parts.customer_count) filter (where parts.is_base), 0) as group_count,
        sum(parts.without_rate_count) as without_rate_count
    from parts
    group by parts.kpi_id, parts.channel, parts.segment, parts.measured_on
),

counted_with_outside as (
    select
        counted.*,
        {{ outside_segment('group_count', ['kpi_id', 'measured_on', 'channel']) }} as group_count_outside
    from counted
),

assessed as (
    select
        counted_with_outside.*,
        {{ is_small_group('group_count', ['group_count_outside']) }} as is_small
    from counted_with_outside
),

suppressed as (
    select
        assessed.*,
        is_small or ({{ reveals_small_part('group_count', ['kpi_id', 'measured_on']) }}) as is_suppressed
    from assessed
),

shown as (
    select
        suppressed.kpi_id,
        suppressed.channel,
        suppressed.segment,
        suppressed.numerator,
        case
            when kpis.denominator_measure_id is not null then coalesce(suppressed.denominator, 0)
        end as denominator,
        kpis.denominator_measure_id is null as is_plain,
        kpis.is_share_of_counts,
        kpis.is_half_money and suppressed.channel <> 'all' as is_of_two_channels,
        suppressed.group_count,
        suppressed.without_rate_count,
        suppressed.is_suppressed,
        suppressed.measured_on
    from suppressed
    inner join kpis
        on kpis.kpi_id = suppressed.kpi_id
)

select
    kpi_id,
    channel,
    segment,
    case when not is_suppressed then numerator end as numerator,
    case when not is_suppressed then denominator end as denominator,
    case
        when is_suppressed or is_of_two_channels then null
        when is_plain then numerator
        else numerator / nullif(denominator, 0)
    end as value,
    case
        when not is_suppressed and is_share_of_counts
            then {{ wilson_bound('numerator', 'denominator', 'lower') }}
    end as value_ci_lower,
    case
        when not is_suppressed and is_share_of_counts
            then {{ wilson_bound('numerator', 'denominator', 'upper') }}
    end as value_ci_upper,
    case when not is_suppressed then cast(group_count as bigint) end as group_count,
    case when not is_suppressed then cast(without_rate_count as bigint) end as without_rate_count,
    is_suppressed,
    measured_on
from shown
