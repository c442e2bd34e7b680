{#-
    Moves from one stop of the subway map to another. A move is a drop-off if it was the last of an instance that fell
    out: each instance that moved and fell out drops off on one move, so drop-offs add up.
-#}
with moves as (
    select
        line_type,
        line,
        next_line,
        instance_number,
        customer_number,
        journey_id,
        outcome,
        phase,
        next_phase,
        step_number,
        next_seconds,
        next_feedback_share,
        -- an instance has one line for each of its customer's segments, and moves from line to line among channels
        case when line_type = 'segment' then line else line_type end as network
    from {{ ref('int_line_steps') }}
    where next_phase is not null and (next_line <> line or next_phase <> phase)
),

last_moves as (
    select network, line_type, instance_number, max(step_number) as step_number
    from moves
    where outcome = 'fell_out'
    group by network, line_type, instance_number
)

select
    moves.line_type,
    moves.line,
    moves.next_line,
    moves.instance_number,
    moves.customer_number,
    moves.journey_id,
    moves.step_number,
    moves.phase,
    moves.next_phase,
    moves.next_seconds,
    moves.next_feedback_share,
    last_moves.step_number is not null as is_drop_off
from moves
left join last_moves
    on
        last_moves.network = moves.network
        and last_moves.line_type = moves.line_type
        and last_moves.instance_number = moves.instance_number
        and last_moves.step_number = moves.step_number
