{#-
    Answers, texts and invitations by month, for each breakdown and over all (`all`). Answers count in the month in which
    they were given; who was asked, and whether they answered, in the month in which they were asked.
-#}
{%- set dimensions = [
    'journey_id', 'phase_id', 'touchpoint', 'department', 'segment', 'feedback_kind', 'survey_scope',
    'respondent_kind',
] %}
{%- set row = ['month_starts_on'] + dimensions %}
{%- set small = var('min_cell_size') %}
{%- set counts_now = ['positive_count', 'negative_count', 'scored_count'] %}
{%- set counts_before = ['positive_before', 'negative_before', 'scored_before'] %}
{%- set share_now = ['positive_share', 'positive_lower', 'positive_upper'] %}
{%- set share_before = ['share_before', 'share_before_lower', 'share_before_upper'] %}
{%- set mean_change = 'mean_share - mean_before' %}
{%- set change_variance = '(mean_variance + variance_before)' %}
{#- those of the smaller month: never too many #}
{%- set degrees = 'nullif(least(scored_count, scored_before) - 1.0, 0)' %}
{#- scores that the difference of two means needs to be called more than noise #}
{%- set scores_of_verdict = 20 %}
{%- set of_other_segments = row | reject('equalto', 'segment') | list %}
{%- set of_other_touchpoints = row | reject('equalto', 'touchpoint') | join(', ') %}
{%- set of_other_departments = row | reject('equalto', 'department') | join(', ') %}
{%- set of_other_places = row | reject('in', ['touchpoint', 'phase_id']) | join(', ') %}
{%- set parts_of_all_phases = row | reject('in', ['touchpoint', 'segment']) | list %}
{%- set phases_of_all_parts = row | reject('in', ['phase_id', 'segment']) | list %}
{%- set reveals_touchpoint = reveals_small_part('group_count', parts_of_all_phases, 'touchpoint') %}
{%- set reveals_phase = reveals_small_part('group_count', phases_of_all_parts, 'phase_id') %}
with answers as (
    select
        answers.feedback_id,
        answers.customer_id,
        answers.invitation_id,
        answers.respondent_kind,
        answers.feedback_kind,
        answers.survey_scope,
        answers.feedback_group,
        answers.touchpoint,
        answers.department,
        answers.score_share,
        sentiments.sentiment,
        answers.is_anonymous,
        answers.is_counted,
        answers.invitation_status,
        cast(date_trunc('month', answers.answered_on) as date) as month_starts_on,
        answers.answered_at
    from {{ ref('int_answers') }} as answers
    left join {{ ref('int_feedback_sentiments') }} as sentiments
        on sentiments.feedback_id = answers.feedback_id
),

-- what somebody thinks of the brand is one opinion per month, however often they are asked; a step may be met twice
counted_answers as (
    select
        *,
        survey_scope = 'transactional' or is_anonymous or row_number() over (
            partition by customer_id, feedback_kind, survey_scope, respondent_kind, month_starts_on
            order by answered_at desc, feedback_id asc
        ) = 1 as is_opinion
    from answers
    where is_counted
),

answered as (
    {{ answered_invitations() }}
),

invitations as (
    select
        invitations.invitation_id,
        steps.customer_id,
        invitations.respondent_kind,
        invitations.feedback_kind,
        case
            when coalesce(nullif(invitations.touchpoint, 'brand'), invitations.reference_id) is not null
                then 'transactional'
            else 'relationship'
        end as survey_scope,
        coalesce(steps.touchpoint, nullif(invitations.touchpoint, 'brand')) as touchpoint,
        invitations.department,
        answered.invitation_id is not null as is_answered,
        cast(date_trunc('month', {{ local_date('invitations.sent_at') }}) as date) as month_starts_on
    from {{ ref('int_invitations') }} as invitations
    left join {{ ref('int_feedback_steps') }} as steps
        on steps.feedback_id = invitations.invitation_id
    left join answered
        on answered.invitation_id = invitations.invitation_id
    where invitations.is_delivered and invitations.sent_at <= {{ as_of() }}
),

facts as (
    select
        feedback_id,
        customer_id,
        respondent_kind,
        feedback_kind,
        survey_scope,
        feedback_group,
        touchpoint,
        department,
        cast(score_share as decimal(18, 6)) as score_share,
        cast(sentiment as decimal(18, 6)) as sentiment,
        false as is_invitation,
        false as is_answered,
        true as is_answer,
        invitation_status <> 'invited' as is_unsolicited,
        month_starts_on
    from counted_answers
    where is_opinion
    union all
    select
        invitation_id,
        customer_id,
        respondent_kind,
        feedback_kind,
        survey_scope,
        null,
        touchpoint,
        department,
        null,
        null,
        true,
        is_answered,
        false,
        false,
        month_starts_on
    from invitations
),

-- an answer in two journeys counts once over all of them
placed as (
    select
        facts.*,
        'all' as journey_id,
        'all' as phase_id,
        journeys.outcome
    from facts
    left join {{ ref('int_feedback_journeys') }} as journeys
        on journeys.feedback_id = facts.feedback_id and journeys.preference = 1
    {%- for phase in ["'all'", 'journeys.phase_id'] %}
    union all
    select facts.*, journeys.journey_id, {{ phase }}, journeys.outcome
    from facts
    inner join {{ ref('int_feedback_journeys') }} as journeys
        on journeys.feedback_id = facts.feedback_id
    {%- endfor %}
),

at_places as (
    {%- set of_touchpoint = "coalesce(" ~ channel_as_dimension('touchpoint') ~ ", '(none)')" %}
    {%- set of_department = "coalesce(" ~ channel_as_dimension('department') ~ ", '(none)')" %}
    {#- departments are a breakdown of the total of employees: by both there would be single ones #}
    {%- for touchpoint, department, condition in [
        ("'all'", "'all'", none),
        (of_touchpoint, "'all'", none),
        ("'all'", of_department, "respondent_kind = 'employee'"),
    ] %}
    select
        feedback_id,
        customer_id,
        respondent_kind,
        feedback_kind,
        survey_scope,
        feedback_group,
        score_share,
        sentiment,
        is_invitation,
        is_answered,
        is_answer,
        is_unsolicited,
        journey_id,
        phase_id,
        {{ touchpoint }} as touchpoint,
        {{ department }} as department,
        outcome,
        month_starts_on
    from placed
    {%- if condition %}
    where {{ condition }}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

of_segments as (
    select at_places.*, 'all' as segment from at_places
    union all
    select at_places.*, members.segment
    from at_places
    inner join {{ ref('int_segment_members') }} as members
        on members.customer_id = at_places.customer_id
),

counts as (
    select
        {{ row | join(',\n        ') }},
        count_if(is_invitation) as delivered_count,
        count_if(is_answered) as answered_count,
        count_if(is_unsolicited) as unsolicited_count,
        count_if(is_answer) as answer_count,
        count(score_share) as scored_count,
        count(sentiment) as sentiment_count,
        cast(sum(sentiment) as double) as sentiment_sum,
        count_if(coalesce(feedback_group in ('promoter', 'satisfied', 'easy'), false)) as positive_count,
        count_if(coalesce(feedback_group in ('passive', 'neutral'), false)) as neutral_count,
        count_if(coalesce(feedback_group in ('detractor', 'dissatisfied', 'hard'), false)) as negative_count,
        cast(sum(score_share) as double) as score_sum,
        cast(sum(score_share * score_share) as double) as square_sum,
        {%- for name, is_answered in [('answered', 'is_answered'), ('silent', 'not is_answered')] %}
        count_if(
            is_invitation and {{ is_answered }} and coalesce(outcome in ('completed', 'fell_out'), false)
        ) as {{ name }}_decided_count,
        count_if(
            is_invitation and {{ is_answered }} and coalesce(outcome = 'fell_out', false)
        ) as {{ name }}_dropped_off_count,
        {%- endfor %}
        count(distinct coalesce(customer_id, feedback_id)) as group_count,
        count(distinct case when is_answer then coalesce(customer_id, feedback_id) end) as answering_count
    from of_segments
    group by {{ row | join(', ') }}
),

valued as (
    select
        counts.*,
        score_sum / nullif(scored_count, 0) as mean_share,
        -- the variance of the mean, from the sample's
        case
            when scored_count > 1
                then
                    greatest(0.0, square_sum - score_sum * score_sum / scored_count)
                    / (scored_count - 1.0) / scored_count
        end as mean_variance,
        {{ outside_segment('group_count', of_other_segments) }} as group_count_outside,
        {{ outside_segment('answering_count', of_other_segments) }} as answering_count_outside,
        {{ outside_segment('sentiment_count', of_other_segments) }} as sentiment_count_outside
    from counts
),

assessed as (
    select
        valued.*,
        {{ is_small_group('group_count', ['group_count_outside', 'answering_count_outside']) }}
        or (segment <> 'all' and answering_count between 1 and {{ small }} - 1)
        -- employees are few and know each other: where one part would show single ones, no part is shown
        or (
            respondent_kind = 'employee'
            and (
                greatest(delivered_count, answer_count) < {{ small }}
                or answer_count between 1 and {{ small }} - 1
                {%- for part, keys in [
                    ('touchpoint', of_other_touchpoints),
                    ('department', of_other_departments),
                ] %}
                or (
                    {{ part }} <> 'all'
                    and bool_or({{ part }} <> 'all' and answer_count < {{ small }}) over (
                        partition by {{ keys }}
                    )
                )
                {%- endfor %}
            )
        ) as is_small
    from valued
),

-- a part left out alone follows from the total and the other parts: then the next larger is left out as well
hidden_parts as (
    select
        assessed.*,
        is_small
        or (phase_id = 'all' and {{ reveals_touchpoint | indent(8) }})
        or (touchpoint = 'all' and {{ reveals_phase | indent(8) }})
            as is_hidden,
        -- a touchpoint of a phase follows from either total: where one would show few, none of the journey is shown
        phase_id <> 'all'
        and touchpoint <> 'all'
        and bool_or(is_small and phase_id <> 'all' and touchpoint <> 'all') over (
            partition by {{ of_other_places }}
        ) as is_hidden_in_phases
    from assessed
),

-- those left out may still be few together, of the segment or outside of it: then no part is shown
suppressed as (
    select
        hidden_parts.*,
        is_hidden
        or is_hidden_in_phases
        {%- for part, keys in [('touchpoint', parts_of_all_phases), ('phase_id', phases_of_all_parts)] %}
        or (
            segment <> 'all'
            and {{ part }} <> 'all'
            and {{ 'phase_id' if part == 'touchpoint' else 'touchpoint' }} = 'all'
            and (
                {%- for count in ['answering_count', 'group_count_outside', 'answering_count_outside'] %}
                {{ 'or ' if not loop.first }}coalesce(
                    sum(case when is_hidden and {{ part }} <> 'all' then {{ count }} end) over (
                        partition by {{ (keys + ['segment']) | join(', ') }}
                    ) between 1 and {{ small }} - 1, false
                )
                {%- endfor %}
            )
        )
        {%- endfor %} as is_suppressed
    from hidden_parts
),

compared as (
    select
        suppressed.*,
        before.scored_count as scored_before,
        before.positive_count as positive_before,
        before.negative_count as negative_before,
        before.mean_share as mean_before,
        before.mean_variance as variance_before,
        not suppressed.is_suppressed and suppressed.scored_count >= {{ small }} as is_valued,
        not suppressed.is_suppressed
        and suppressed.scored_count >= {{ small }}
        and coalesce(before.scored_count >= {{ small }} and not before.is_suppressed, false) as is_compared
    from suppressed
    left join suppressed as before
        on
            before.month_starts_on = suppressed.month_starts_on - interval 1 month
            {%- for dimension in dimensions %}
            and before.{{ dimension }} = suppressed.{{ dimension }}
            {%- endfor %}
),

shares as (
    select
        compared.*,
        positive_count / cast(nullif(scored_count, 0) as double) as positive_share,
        {{ wilson_bound('positive_count', 'scored_count', 'lower') }} as positive_lower,
        {{ wilson_bound('positive_count', 'scored_count', 'upper') }} as positive_upper,
        positive_before / cast(nullif(scored_before, 0) as double) as share_before,
        {{ wilson_bound('positive_before', 'scored_before', 'lower') }} as share_before_lower,
        {{ wilson_bound('positive_before', 'scored_before', 'upper') }} as share_before_upper
    from compared
),

changes as (
    select
        shares.*,
        case
            when not is_compared then null
            when feedback_kind = 'nps'
                then
                    100.0 * (positive_count - negative_count) / scored_count
                    - 100.0 * (positive_before - negative_before) / scored_before
            when feedback_kind = 'ces' then mean_share - mean_before
            else positive_share - share_before
        end as change,
        case
            when not is_compared then null
            when feedback_kind = 'nps' then {{ nps_change_bound(counts_now, counts_before, 'lower') }}
            when feedback_kind = 'ces'
                then {{ mean_change_bound(mean_change, change_variance, degrees, 'lower') }}
            else {{ share_change_bound(share_now, share_before, 'lower') }}
        end as change_lower,
        case
            when not is_compared then null
            when feedback_kind = 'nps' then {{ nps_change_bound(counts_now, counts_before, 'upper') }}
            when feedback_kind = 'ces'
                then {{ mean_change_bound(mean_change, change_variance, degrees, 'upper') }}
            else {{ share_change_bound(share_now, share_before, 'upper') }}
        end as change_upper
    from shares
)

select
    {{ dimensions | join(',\n    ') }},
    {%- for count in [
        'delivered_count', 'answered_count', 'unsolicited_count', 'answer_count', 'scored_count',
    ] %}
    case when not is_suppressed then cast({{ count }} as bigint) end as {{ count }},
    {%- endfor %}
    {#- with them anybody could work out the value #}
    {%- for count in ['positive_count', 'neutral_count', 'negative_count'] %}
    case when is_valued then cast({{ count }} as bigint) end as {{ count }},
    {%- endfor %}
    case when not is_suppressed then answered_count / cast(nullif(delivered_count, 0) as double) end
        as response_rate,
    {%- for end in ['lower', 'upper'] %}
    case when not is_suppressed then {{ wilson_bound('answered_count', 'delivered_count', end) }} end
        as response_rate_ci_{{ end }},
    {%- endfor %}
    case
        when is_valued and feedback_kind = 'nps' then 100.0 * (positive_count - negative_count) / scored_count
    end as nps,
    {%- for end in ['lower', 'upper'] %}
    case
        when is_valued and feedback_kind = 'nps'
            then {{ nps_bound('positive_count', 'negative_count', 'scored_count', end) }}
    end as nps_ci_{{ end }},
    {%- endfor %}
    case when is_valued and feedback_kind in ('csat', 'rating') then positive_share end as csat,
    {%- for end in ['lower', 'upper'] %}
    case when is_valued and feedback_kind in ('csat', 'rating') then positive_{{ end }} end
        as csat_ci_{{ end }},
    {%- endfor %}
    case when is_valued and feedback_kind = 'ces' then mean_share end as ces,
    {%- for end in ['lower', 'upper'] %}
    case
        when is_valued and feedback_kind = 'ces'
            then {{ mean_bound('mean_share', 'mean_variance', 'nullif(scored_count - 1.0, 0)', end) }}
    end as ces_ci_{{ end }},
    {%- endfor %}
    case when is_valued and feedback_kind = 'ces' then 'mean ease, 0 to 1, 1 = easy' end as ces_convention,
    case when is_valued then mean_share end as mean_score_share,
    case when not is_suppressed then cast(sentiment_count as bigint) end as sentiment_count,
    case
        when
            not is_suppressed
            and sentiment_count >= {{ small }}
            and (segment = 'all' or sentiment_count_outside not between 1 and {{ small }} - 1)
            then sentiment_sum / sentiment_count
    end as mean_sentiment,
    change,
    change_lower as change_ci_lower,
    change_upper as change_ci_upper,
    {%- for name in ['answered', 'silent'] %}
    case when not is_suppressed then cast({{ name }}_decided_count as bigint) end as {{ name }}_decided_count,
    case when not is_suppressed then cast({{ name }}_dropped_off_count as bigint) end
        as {{ name }}_dropped_off_count,
    case
        when not is_suppressed and {{ name }}_decided_count >= {{ small }}
            then {{ name }}_dropped_off_count / cast({{ name }}_decided_count as double)
    end as {{ name }}_dropped_off_share,
    {%- for end in ['lower', 'upper'] %}
    case
        when not is_suppressed and {{ name }}_decided_count >= {{ small }}
            then {{ wilson_bound(name ~ '_dropped_off_count', name ~ '_decided_count', end) }}
    end as {{ name }}_dropped_off_share_ci_{{ end }},
    {%- endfor %}
    {%- endfor %}
    coalesce(
        (change_lower > 0 or change_upper < 0)
        and (feedback_kind <> 'ces' or least(scored_count, scored_before) >= {{ scores_of_verdict }}),
        false
    ) as is_change_beyond_noise,
    month_starts_on + interval 1 month <= cast({{ local_date(as_of()) }} as timestamp) as is_month_complete,
    is_suppressed,
    month_starts_on
from changes
