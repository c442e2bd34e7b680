{#-
    The most frequent paths, `max_variants` of each journey, level and kind of name, ranked and written out. A long path
    shows its first names only, so that an instance of any length costs what its steps cost.
-#}
with paths as (
    select
        journey_id,
        level,
        step_type,
        path_key,
        min(step_count) as step_count,
        min(instance_number) as instance_number,
        count(*) as instance_count
    from {{ ref('int_instance_paths') }}
    group by journey_id, level, step_type, path_key
),

-- a few more than are published, because the last ranks are shared until the names are known
paths_with_place as (
    select
        paths.*,
        rank() over (
            partition by journey_id, level, step_type order by instance_count desc, step_count asc
        ) as place
    from paths
),

candidates as (
    select * from paths_with_place where place <= {{ var('max_variants') }}
),

names as (
    select
        candidates.journey_id,
        candidates.level,
        candidates.step_type,
        candidates.path_key,
        linked.step_number,
        case candidates.step_type
            when 'channel' then step_names.channel
            when 'touchpoint' then step_names.touchpoint
            else step_names.event
        end as name
    from candidates
    inner join {{ ref('int_numbered_step_pairs') }} as linked
        on
            linked.instance_number = candidates.instance_number
            and linked.step_number <= {{ var('max_variant_names') }}
    inner join {{ ref('int_step_names') }} as step_names
        on step_names.name_number = linked.name_number
    where candidates.step_type <> 'phase'
    union all
    select
        candidates.journey_id,
        candidates.level,
        candidates.step_type,
        candidates.path_key,
        intervals.interval_number as step_number,
        intervals.phase_id as name
    from candidates
    inner join {{ ref('int_instance_numbers') }} as numbered
        on numbered.instance_number = candidates.instance_number
    inner join {{ ref('int_phase_intervals') }} as intervals
        on
            intervals.journey_instance_id = numbered.journey_instance_id
            and intervals.interval_number <= {{ var('max_variant_names') }}
    where candidates.step_type = 'phase'
),

named_paths as (
    select
        candidates.journey_id,
        candidates.level,
        candidates.step_type,
        candidates.path_key,
        candidates.step_count,
        candidates.instance_number,
        candidates.instance_count,
        {{ ordered_path(name_in_path('names.name'), 'names.step_number') }} as names
    from candidates
    inner join names
        on
            names.journey_id = candidates.journey_id
            and names.level = candidates.level
            and names.step_type = candidates.step_type
            and names.path_key = candidates.path_key
    group by
        candidates.journey_id,
        candidates.level,
        candidates.step_type,
        candidates.path_key,
        candidates.step_count,
        candidates.instance_number,
        candidates.instance_count
),

ranked_paths as (
    select
        journey_id,
        level,
        step_type,
        path_key,
        step_count,
        names || case when step_count > {{ var('max_variant_names') }} then ' > …' else '' end as variant,
        row_number() over (
            partition by journey_id, level, step_type
            order by instance_count desc, step_count asc, names asc, instance_number asc
        ) as variant_rank
    from named_paths
)

select *
from ranked_paths
where variant_rank <= {{ var('max_variants') }}
