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

named_paths as (
    select
        paths.journey_id,
        paths.level,
        paths.step_type,
        paths.path_key,
        paths.step_count,
        paths.instance_number,
        paths.instance_count,
        {{ ordered_path(
            'case paths.step_type'
            ~ " when 'phase' then names.phase when 'channel' then names.channel"
            ~ " when 'touchpoint' then names.touchpoint else names.event end",
            'linked.step_number'
        ) }} as names
    from paths_with_place as paths
    inner join {{ ref('int_numbered_step_pairs') }} as linked
        on
            linked.instance_number = paths.instance_number
            and linked.step_number <= {{ var('max_variant_names') }}
    inner join {{ ref('int_step_names') }} as names
        on names.name_number = linked.name_number
    where paths.place <= {{ var('max_variants') }}
    group by
        paths.journey_id,
        paths.level,
        paths.step_type,
        paths.path_key,
        paths.step_count,
        paths.instance_number,
        paths.instance_count
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
