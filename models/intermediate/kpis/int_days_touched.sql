{#-
    Days on which something that a measure may count came, went or changed; and, when the clock moved, the days it
    passed over. Stays count on the day of entry, however late their outcome is known.
-#}
select distinct measured_on
from (
    select {{ local_date('occurred_at') }} as measured_on
    from ({{ changed_keys(ref('int_events_unioned'), 'occurred_at') }}) as events
    union all
    select {{ local_date('occurred_at') }}
    from ({{ changed_keys(ref('int_events_stitched'), 'occurred_at') }}) as stitched
    union all
    select {{ local_date('entered_at') }}
    from ({{ changed_keys(ref('int_phase_stays'), 'entered_at') }}) as stays
    union all
    select {{ local_date('occurred_at') }}
    from {{ ref('int_events_stitched') }}
    where occurred_at > {{ built_as_of() }} and occurred_at <= {{ as_of() }}
) as days
where measured_on is not null
