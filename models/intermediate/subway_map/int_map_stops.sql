{#-
    A stop for each line and phase of a journey, with visitors or without. x is the phase's place in the journey.
    Undeclared lines have a stop only where a customer was: a source that writes free text into its channel would fill
    the map with a hundred thousand lines of zeros. Both ends of a move are steps, so every move has its stops.
-#}
with phases_by_version as (
    select
        journey_id,
        phase_id,
        phase_name,
        phase_order,
        is_terminal,
        journey_version,
        row_number() over (partition by journey_id, phase_id order by journey_version desc) as age
    from {{ ref('phases') }}
),

phases as (
    select
        journey_id,
        phase_id,
        phase_name,
        is_terminal,
        -- a phase that the newest version dropped keeps its place, next to the phase that has that place now
        row_number() over (
            partition by journey_id order by phase_order asc, journey_version desc, phase_id asc
        ) as x
    from phases_by_version
    where age = 1
),

visited as (
    select distinct journey_id, line_type, line, phase
    from {{ ref('int_line_steps') }}
    where line_type = 'channel'
)

select
    {{ stop_id('phases.journey_id', 'lines.line_type', 'lines.line', 'phases.phase_id') }} as stop_id,
    phases.journey_id,
    lines.line_type,
    lines.line,
    phases.phase_id,
    lines.line_name,
    coalesce(phases.phase_name, phases.phase_id) as phase_name,
    cast(phases.x as bigint) as x,
    lines.y,
    lines.is_declared,
    phases.is_terminal
from phases
cross join {{ ref('int_map_lines') }} as lines
left join visited
    on
        visited.journey_id = phases.journey_id
        and visited.line_type = lines.line_type
        and visited.line = lines.line
        and visited.phase = phases.phase_id
where lines.is_declared or visited.phase is not null
