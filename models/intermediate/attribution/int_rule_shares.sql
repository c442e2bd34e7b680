{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_path_touches': 'customer_id',
            'int_conversions': 'customer_id',
            'int_channel_effects': {'column': 'effect_key', 'of': 'int_path_touches'},
            'attribution_rules': 'all',
            'channel_calibrations': 'all',
        },
    }},
) }}

{#-
    Each conversion shared among its touches by each rule of attribution_rules.csv. A share is a whole number of units of
    2^-40: rounded down, and the units that are left go to the largest remainders, of equal ones to the earlier touch. So
    shares sum to exactly 1.

    A calibrated rule takes the shares of another rule and keeps of each what experiments say that its channel brings; the
    rest of the conversion is on the channel (baseline).
-#}
with conversions as (
    select
        conversion_id,
        conversion_type,
        customer_id,
        customer_group,
        unattributed_reason,
        converted_on,
        converted_at
    from {{ ref('int_conversions') }}
    where {{ is_changed('customer_id') }}
),

touches as (
    select *
    from {{ ref('int_path_touches') }}
    where conversion_id is not null and {{ is_changed('customer_id') }}
),

rules as (
    select
        rule,
        conversion_type,
        method,
        cast(round(window_days * 86400) as bigint) as window_seconds,
        {% for column, count in {'weights': 3, 'weights_of_two': 2}.items() -%}
        {% for place in range(1, count + 1) -%}
        try_cast({{ element_at_place(parts_of_text(column, '|'), place) }} as double)
            as {{ column }}_{{ place }},
        {% endfor -%}
        {% endfor -%}
        coalesce(half_life_days, 7) * 86400 as half_life_seconds,
        coalesce(path_transform, 'as_is') as path_transform
    from {{ ref('attribution_rules') }}
    where method <> 'calibrated'
),

-- 40/20/40 where a rule says nothing else; of two touches, the first and the last keep their proportion
rules_with_weights as (
    select
        rules.*,
        coalesce(weights_1, 0.4) as first_weight,
        coalesce(weights_2, 0.2) as middle_weight,
        coalesce(weights_3, 0.4) as last_weight,
        coalesce(
            weights_of_two_1,
            coalesce(weights_1, 0.4) / nullif(coalesce(weights_1 + weights_3, 0.8), 0),
            0.5
        ) as first_weight_of_two
    from rules
),

ruled_conversions as (
    select
        conversions.*,
        rules.rule,
        rules.method,
        rules.window_seconds,
        rules.first_weight,
        rules.middle_weight,
        rules.last_weight,
        rules.first_weight_of_two,
        rules.half_life_seconds,
        rules.path_transform
    from conversions
    inner join rules_with_weights as rules
        on rules.conversion_type is null or rules.conversion_type = conversions.conversion_type
),

-- of what a rule takes together, the last touch stands for all
ruled_touches as (
    select
        ruled.*,
        touches.touchpoint_event_id,
        touches.order_number as touch_number,
        touches.channel,
        touches.campaign,
        touches.touch_kind,
        touches.is_direct,
        touches.effect_key,
        touches.period_start,
        {{ seconds_between('touches.occurred_at', 'ruled.converted_at') }} as seconds_before
    from ruled_conversions as ruled
    inner join touches
        on touches.conversion_id = ruled.conversion_id
    where
        case
            when ruled.window_seconds is null then touches.displaced_at is null
            else
                {{ seconds_after('touches.occurred_at', 'ruled.window_seconds') }} >= ruled.converted_at
                -- a view gives way to a click that the rule knows of
                and coalesce(
                    {{ seconds_after('touches.displaced_at', 'ruled.window_seconds') }} < ruled.converted_at,
                    true
                )
        end
    qualify
        case ruled.path_transform
            when 'collapsed'
                then (
                    lead(touches.channel) over (
                        partition by ruled.conversion_id, ruled.rule order by touches.order_number
                    )
                ) is distinct from touches.channel
            when 'distinct'
                then touches.order_number = max(touches.order_number) over (
                    partition by ruled.conversion_id, ruled.rule, touches.channel
                )
            else true
        end
),

placed_touches as (
    select
        ruled_touches.*,
        row_number() over (partition by conversion_id, rule order by touch_number) as place,
        count(*) over (partition by conversion_id, rule) as touch_count,
        count(*) over (partition by conversion_id, rule, channel) as touch_count_of_channel,
        max(case when not is_direct then touch_number end) over (partition by conversion_id, rule)
            as last_non_direct_number
    from ruled_touches
),

weighted_touches as (
    select
        touches.*,
        -- at most 1; what is added up are whole numbers, whose sum does not depend on the order
        cast(round({{ share_unit_count() }} * case touches.method
            when 'first' then case when touches.place = 1 then 1.0 else 0.0 end
            when 'last' then case when touches.place = touches.touch_count then 1.0 else 0.0 end
            when 'last_non_direct'
                then case
                    when touches.last_non_direct_number is null
                        then case when touches.place = touches.touch_count then 1.0 else 0.0 end
                    when touches.touch_number = touches.last_non_direct_number then 1.0
                    else 0.0
                end
            when 'linear' then 1.0
            when 'time_decay'
                then power(
                    cast(0.5 as double),
                    (touches.seconds_before - min(touches.seconds_before) over one_conversion)
                    / touches.half_life_seconds
                )
            when 'shapley' then 1.0 / cast(touches.touch_count_of_channel as double)
            when
                'markov'
                then coalesce(effects.removal_effect, 0.0) / cast(touches.touch_count_of_channel as double)
            else case
                when touches.touch_count = 1 then 1.0
                when touches.touch_count = 2
                    then case touches.place
                        when 1 then touches.first_weight_of_two else 1.0 - touches.first_weight_of_two
                    end
                when touches.place = 1 then touches.first_weight
                when touches.place = touches.touch_count then touches.last_weight
                else touches.middle_weight / cast(touches.touch_count - 2 as double)
            end
        end) as bigint) as weight
    from placed_touches as touches
    left join {{ ref('int_channel_effects') }} as effects
        on
            touches.method = 'markov'
            and effects.effect_key = touches.effect_key
            and effects.channel = touches.channel
    window one_conversion as (partition by touches.conversion_id, touches.rule)
),

exact_shares as (
    select
        weighted_touches.*,
        -- weights too small to tell apart are equal ones
        {{ share_unit_count() }} * coalesce(
            cast(weight as double) / nullif(cast(sum(weight) over one_conversion as double), 0.0),
            1.0 / cast(touch_count as double)
        ) as exact_units
    from weighted_touches
    window one_conversion as (partition by conversion_id, rule)
),

placed_shares as (
    select
        exact_shares.*,
        {{ share_unit_count() }}
        - sum(cast(floor(exact_units) as bigint)) over (partition by conversion_id, rule) as left_units,
        row_number() over (
            partition by conversion_id, rule
            order by exact_units - floor(exact_units) desc, touch_number asc
        ) as place_of_remainder
    from exact_shares
),

shared_touches as (
    select
        placed_shares.*,
        cast(floor(exact_units) as bigint) + case when place_of_remainder <= left_units then 1 else 0 end
            as share_units
    from placed_shares
),

shares_of_rules as (
    select
        conversion_id,
        touchpoint_event_id,
        conversion_type,
        rule,
        customer_id,
        customer_group,
        channel,
        campaign,
        touch_kind,
        cast(null as {{ dbt.type_string() }}) as unattributed_reason,
        touch_number,
        share_units,
        period_start,
        converted_on
    from shared_touches
    where share_units > 0
    union all
    -- a conversion before which the rule finds no touch
    select
        ruled.conversion_id,
        null as touchpoint_event_id,
        ruled.conversion_type,
        ruled.rule,
        ruled.customer_id,
        ruled.customer_group,
        '(unattributed)' as channel,
        null as campaign,
        null as touch_kind,
        coalesce(ruled.unattributed_reason, 'outside_window') as unattributed_reason,
        0 as touch_number,
        {{ share_unit_count() }} as share_units,
        cast(date_trunc('month', ruled.converted_on) as date) as period_start,
        ruled.converted_on
    from ruled_conversions as ruled
    where
        not exists (
            select 1
            from placed_touches
            where placed_touches.conversion_id = ruled.conversion_id and placed_touches.rule = ruled.rule
        )
),

calibrated_rules as (
    select rule, conversion_type, based_on
    from {{ ref('attribution_rules') }}
    where method = 'calibrated'
),

-- an experiment counts the more, the narrower its interval: by one over its variance
calibrations as (
    select
        channel,
        conversion_type,
        incremental_share,
        1.0 / power((share_ci_upper - share_ci_lower) / (2 * 1.96), 2) as weight,
        valid_from,
        valid_to
    from {{ ref('channel_calibrations') }}
),

channel_days as (
    select distinct conversion_type, channel, converted_on
    from shares_of_rules
    where touchpoint_event_id is not null and rule in (select based_on from calibrated_rules)
),

incremental_shares as (
    select
        days.conversion_type,
        days.channel,
        days.converted_on,
        -- rounded, or the last bits of sums would depend on their order
        round(sum(calibrations.incremental_share * calibrations.weight) / sum(calibrations.weight), 9)
            as incremental_share
    from channel_days as days
    inner join calibrations
        on
            calibrations.channel = days.channel
            and (
                calibrations.conversion_type is null
                or calibrations.conversion_type = days.conversion_type
            )
            and coalesce(calibrations.valid_from <= days.converted_on, true)
            and coalesce(calibrations.valid_to > days.converted_on, true)
    group by days.conversion_type, days.channel, days.converted_on
),

calibrated_shares as (
    select
        shares.conversion_id,
        shares.touchpoint_event_id,
        shares.conversion_type,
        calibrated_rules.rule,
        shares.customer_id,
        shares.customer_group,
        shares.channel,
        shares.campaign,
        shares.touch_kind,
        shares.unattributed_reason,
        shares.touch_number,
        -- a channel that no experiment is about keeps what it has
        cast(floor(
            cast(shares.share_units as double)
            * coalesce(incremental_shares.incremental_share, cast(1 as double))
        ) as bigint) as share_units,
        shares.period_start,
        shares.converted_on
    from shares_of_rules as shares
    inner join calibrated_rules
        on
            calibrated_rules.based_on = shares.rule
            and (
                calibrated_rules.conversion_type is null
                or calibrated_rules.conversion_type = shares.conversion_type
            )
    left join incremental_shares
        on
            shares.touchpoint_event_id is not null
            and incremental_shares.conversion_type = shares.conversion_type
            and incremental_shares.channel = shares.channel
            and incremental_shares.converted_on = shares.converted_on
),

baselines as (
    select
        conversion_id,
        cast(null as {{ dbt.type_string() }}) as touchpoint_event_id,
        conversion_type,
        rule,
        customer_id,
        customer_group,
        '(baseline)' as channel,
        cast(null as {{ dbt.type_string() }}) as campaign,
        cast(null as {{ dbt.type_string() }}) as touch_kind,
        'baseline' as unattributed_reason,
        0 as touch_number,
        {{ share_unit_count() }} - cast(sum(share_units) as bigint) as share_units,
        period_start,
        converted_on
    from calibrated_shares
    group by
        conversion_id,
        conversion_type,
        rule,
        customer_id,
        customer_group,
        period_start,
        converted_on
)

select * from shares_of_rules
union all
select * from calibrated_shares
where share_units > 0
union all
select * from baselines
where share_units > 0
