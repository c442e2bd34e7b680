{#-
    Steps that keep customers waiting, steps that they dislike, and both: one look at the last year before the clock, so
    that what was repaired long ago counts no longer. Speed and mood are each decided by an interval, or not at all.
    Shares of few are withheld as in agg_voice.
-#}
{%- set small = var('min_cell_size') %}
{%- set slow_from = 0.25 %}
{%- set place = ['journey_id', 'phase_id', 'touchpoint'] %}
{%- set since = seconds_after(as_of(), -86400 * var('drivers_within_days')) %}
with touchpoints as (
    select
        touchpoint,
        department,
        cast(round(answer_within_hours * 3600) as bigint) as limit_seconds
    from {{ ref('touchpoints') }}
),

-- a survey about a step is no step
surveys as (
    select event_id
    from {{ ref('int_timeline_events') }}
    where feedback_kind is not null
),

steps as (
    select
        steps.journey_id,
        steps.phase_id,
        steps.touchpoint,
        steps.journey_instance_id,
        steps.customer_id,
        steps.event_id,
        steps.step_number,
        touchpoints.limit_seconds is not null as owes_answer,
        -- a message that the company sends unasked begins and ends no wait, as for gaps
        coalesce(steps.direction <> 'outbound', true) or touchpoints.limit_seconds is not null as is_met,
        steps.occurred_at
    from {{ ref('int_steps') }} as steps
    left join touchpoints
        on touchpoints.touchpoint = steps.touchpoint
    left join surveys
        on surveys.event_id = steps.event_id
    where surveys.event_id is null
),

steps_with_next as (
    select
        steps.*,
        case
            when is_met
                then min(case when is_met then occurred_at end) over (
                    partition by journey_instance_id
                    order by step_number rows between 1 following and unbounded following
                )
        end as next_step_at
    from steps
),

recent_steps as (
    select
        steps_with_next.*,
        {{ seconds_between('occurred_at', 'next_step_at') }} as pause_seconds
    from steps_with_next
    where occurred_at > {{ since }}
),

usual_pauses as (
    select
        journey_id,
        cast(percentile_disc(0.75) within group (order by pause_seconds) as bigint) as limit_seconds
    from recent_steps
    where pause_seconds is not null
    group by journey_id
),

waits as (
    select
        steps.journey_id,
        steps.phase_id,
        steps.touchpoint,
        steps.customer_id,
        'answer' as wait_kind,
        'touchpoint' as limit_basis,
        contacts.limit_seconds,
        coalesce(contacts.answered_at <= {{ as_of() }}, false) as is_over,
        {{ seconds_between(
            'contacts.contacted_at', 'least(coalesce(contacts.answered_at, ' ~ as_of() ~ '), ' ~ as_of() ~ ')'
        ) }} as wait_seconds
    from recent_steps as steps
    inner join {{ ref('int_contacts') }} as contacts
        on contacts.event_id = steps.event_id
    union all
    select
        steps.journey_id,
        steps.phase_id,
        steps.touchpoint,
        steps.customer_id,
        'next_step',
        'journey',
        usual_pauses.limit_seconds,
        true,
        steps.pause_seconds
    from recent_steps as steps
    inner join usual_pauses
        on usual_pauses.journey_id = steps.journey_id
    where steps.touchpoint is not null and not steps.owes_answer and steps.pause_seconds is not null
    union all
    select
        intervals.journey_id,
        intervals.phase_id,
        'all',
        intervals.customer_id,
        'dwell',
        'phase',
        cast(round(phases.stalled_after_days * 86400) as bigint),
        intervals.left_at is not null,
        {{ seconds_between('intervals.entered_at', 'coalesce(intervals.left_at, ' ~ as_of() ~ ')') }}
    from {{ ref('int_phase_intervals') }} as intervals
    inner join {{ ref('phases') }} as phases
        on
            phases.journey_id = intervals.journey_id
            and phases.journey_version = intervals.journey_version
            and phases.phase_id = intervals.phase_id
    where phases.stalled_after_days is not null and intervals.entered_at > {{ since }}
),

-- whoever waits and is within the limit may still exceed it: neither slow nor fast yet
waits_by_place as (
    select
        {{ place | join(',\n        ') }},
        min(wait_kind) as wait_kind,
        min(limit_basis) as limit_basis,
        max(limit_seconds) as limit_seconds,
        count(*) as wait_count,
        count_if(wait_seconds > limit_seconds) as slow_count,
        count(distinct customer_id) as waiting_customer_count,
        percentile_disc(0.5) within group (order by wait_seconds) as median_wait_seconds
    from waits
    where is_over or wait_seconds > limit_seconds
    group by {{ place | join(', ') }}
),

steps_at_places as (
    select journey_id, phase_id, touchpoint, journey_instance_id, customer_id
    from recent_steps
    where touchpoint is not null
    union all
    select journey_id, phase_id, 'all', journey_instance_id, customer_id
    from recent_steps
),

visits as (
    select
        {{ place | join(',\n        ') }},
        journey_instance_id,
        min(customer_id) as customer_id,
        count(*) as step_count
    from steps_at_places
    group by {{ place | join(', ') }}, journey_instance_id
),

visits_by_place as (
    select
        visits.journey_id,
        visits.phase_id,
        visits.touchpoint,
        sum(visits.step_count) as step_count,
        count(*) as instance_count,
        count(distinct visits.customer_id) as customer_count,
        sum(visits.step_count - 1) as repeat_count,
        count_if(visits.step_count > 1) as repeated_count,
        count_if(coalesce(exits.has_progressed or exits.has_dropped_off, false)) as decided_count,
        count_if(coalesce(exits.has_dropped_off, false)) as dropped_off_count,
        count(distinct case when exits.has_progressed or exits.has_dropped_off then visits.customer_id end)
            as decided_customer_count
    from visits
    left join {{ ref('int_phase_exits') }} as exits
        on
            exits.journey_instance_id = visits.journey_instance_id
            and exits.phase_id = visits.phase_id
    group by visits.journey_id, visits.phase_id, visits.touchpoint
),

answers as (
    select
        journeys.journey_id,
        journeys.phase_id,
        answers.touchpoint,
        answers.customer_id,
        answers.feedback_kind,
        answers.feedback_group in ('detractor', 'dissatisfied', 'hard') as is_negative
    from {{ ref('int_answers') }} as answers
    inner join {{ ref('int_feedback_journeys') }} as journeys
        on journeys.feedback_id = answers.feedback_id
    where
        answers.respondent_kind = 'customer'
        and answers.survey_scope = 'transactional'
        and answers.is_counted
        and answers.score_status = 'scored'
        and answers.answered_at > {{ since }}
),

-- a detractor is more common than a dissatisfied customer: each answer is compared with those of its kind
answers_by_kind as (
    select
        journey_id,
        feedback_kind,
        cast(count_if(is_negative) / cast(count(*) as double) as decimal(38, 18)) as negative_share
    from answers
    group by journey_id, feedback_kind
),

answers_at_places as (
    select answers.*
    from answers
    where touchpoint is not null
    union all
    select journey_id, phase_id, 'all', customer_id, feedback_kind, is_negative
    from answers
),

answers_by_place as (
    select
        answers.journey_id,
        answers.phase_id,
        answers.touchpoint,
        count(*) as scored_count,
        count_if(answers.is_negative) as negative_count,
        count(distinct answers.customer_id) as answering_customer_count,
        cast(sum(answers_by_kind.negative_share) as double) / count(*) as journey_negative_share
    from answers_at_places as answers
    inner join answers_by_kind
        on
            answers_by_kind.journey_id = answers.journey_id
            and answers_by_kind.feedback_kind = answers.feedback_kind
    group by answers.journey_id, answers.phase_id, answers.touchpoint
),

places as (
    select {{ place | join(', ') }} from visits_by_place
    union distinct
    select {{ place | join(', ') }} from answers_by_place
    union distinct
    select {{ place | join(', ') }} from waits_by_place
),

-- of a journey that was redesigned those who are responsible now
owners as (
    select
        journey_id,
        phase_id,
        max_by(responsible, journey_version) as responsible
    from {{ ref('int_phase_owners') }}
    where responsible is not null
    group by journey_id, phase_id
),

counted as (
    select
        places.journey_id,
        places.phase_id,
        places.touchpoint,
        touchpoints.department,
        owners.responsible,
        coalesce(waits.wait_kind, 'none') as wait_kind,
        coalesce(waits.limit_basis, 'none') as limit_basis,
        coalesce(visits.step_count, 0) as step_count,
        coalesce(visits.instance_count, 0) as instance_count,
        coalesce(visits.customer_count, 0) as customer_count,
        waits.limit_seconds,
        coalesce(waits.wait_count, 0) as wait_count,
        waits.slow_count,
        waits.median_wait_seconds,
        coalesce(answers.scored_count, 0) as scored_count,
        answers.negative_count,
        answers.journey_negative_share,
        -- steps after the first one in a phase are no repeats of it
        case when places.touchpoint <> 'all' then visits.repeat_count end as repeat_count,
        case when places.touchpoint <> 'all' then visits.repeated_count end as repeated_count,
        coalesce(visits.decided_count, 0) as decided_count,
        visits.dropped_off_count,
        least(waits.wait_count, waits.waiting_customer_count) >= {{ small }} as has_waits,
        least(answers.scored_count, answers.answering_customer_count) >= {{ small }} as has_answers,
        least(visits.instance_count, visits.customer_count) >= {{ small }} as has_visits,
        least(visits.decided_count, visits.decided_customer_count) >= {{ small }} as has_decided
    from places
    left join visits_by_place as visits
        on
            visits.journey_id = places.journey_id
            and visits.phase_id = places.phase_id
            and visits.touchpoint = places.touchpoint
    left join waits_by_place as waits
        on
            waits.journey_id = places.journey_id
            and waits.phase_id = places.phase_id
            and waits.touchpoint = places.touchpoint
    left join answers_by_place as answers
        on
            answers.journey_id = places.journey_id
            and answers.phase_id = places.phase_id
            and answers.touchpoint = places.touchpoint
    left join touchpoints
        on touchpoints.touchpoint = places.touchpoint
    left join owners
        on owners.journey_id = places.journey_id and owners.phase_id = places.phase_id
),

{#- each share: its name, the counts that it follows from, and whether enough are behind it #}
{%- set shares = [
    ('slow', 'slow_count', 'wait_count', 'has_waits'),
    ('negative', 'negative_count', 'scored_count', 'has_answers'),
    ('repeated', 'repeated_count', 'instance_count', 'has_visits'),
    ('dropped_off', 'dropped_off_count', 'decided_count', 'has_decided'),
] %}

shared as (
    select
        {%- for name, part, whole, is_shown in shares %}
        case when {{ is_shown }} then {{ part }} / cast({{ whole }} as double) end as {{ name }}_share,
        {%- for end in ['lower', 'upper'] %}
        case when {{ is_shown }} then {{ wilson_bound(part, whole, end) }} end
            as {{ name }}_share_ci_{{ end }},
        {%- endfor %}
        {%- endfor %}
        counted.*
    from counted
),

decided as (
    select
        shared.*,
        case
            when slow_share_ci_lower > {{ slow_from }} then true
            when slow_share_ci_upper < {{ slow_from }} then false
        end as is_slow,
        case
            when negative_share_ci_lower > journey_negative_share then true
            when negative_share_ci_upper < journey_negative_share then false
        end as is_irritating
    from shared
)

select
    journey_id,
    phase_id,
    touchpoint,
    department,
    responsible,
    case
        when is_slow is null or is_irritating is null then 'unclear'
        when is_slow and is_irritating then 'slow_and_irritating'
        when is_slow then 'slow_but_fine'
        when is_irritating then 'fast_but_irritating'
        else 'fine'
    end as quadrant,
    wait_kind,
    limit_basis,
    cast(step_count as bigint) as step_count,
    cast(instance_count as bigint) as instance_count,
    cast(customer_count as bigint) as customer_count,
    cast(limit_seconds as bigint) as limit_seconds,
    cast(wait_count as bigint) as wait_count,
    case when has_waits then cast(slow_count as bigint) end as slow_count,
    case when has_waits then cast(median_wait_seconds as bigint) end as median_wait_seconds,
    slow_share,
    slow_share_ci_lower,
    slow_share_ci_upper,
    cast(scored_count as bigint) as scored_count,
    case when has_answers then cast(negative_count as bigint) end as negative_count,
    negative_share,
    negative_share_ci_lower,
    negative_share_ci_upper,
    case when has_answers then journey_negative_share end as journey_negative_share,
    case when has_visits then cast(repeat_count as bigint) end as repeat_count,
    case when has_visits then cast(repeated_count as bigint) end as repeated_count,
    repeated_share,
    repeated_share_ci_lower,
    repeated_share_ci_upper,
    cast(decided_count as bigint) as decided_count,
    case when has_decided then cast(dropped_off_count as bigint) end as dropped_off_count,
    dropped_off_share,
    dropped_off_share_ci_lower,
    dropped_off_share_ci_upper,
    is_slow,
    is_irritating
from decided
