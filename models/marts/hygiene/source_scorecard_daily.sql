with profiles as (
    select source_name, table_name, metric, column_name, row_count, measured_on
    from {{ ref('stg_landing__daily_profiles') }}
),

columns_of_tables as (
    select source_name, table_name, count(*) as column_count
    from {{ ref('stg_landing__source_columns') }}
    group by source_name, table_name
),

days as (
    select
        source_name,
        table_name,
        measured_on,
        sum(row_count) filter (where metric = 'rows') as row_count,
        coalesce(sum(row_count) filter (where metric = 'nulls'), 0) as null_count,
        sum(row_count) filter (where metric = 'identified') as identified_count
    from profiles
    group by source_name, table_name, measured_on
),

tables_with_identifiers as (
    select distinct source_name, table_name
    from profiles
    where metric = 'identified'
)

select
    days.source_name,
    days.table_name,
    cast(days.row_count as bigint) as row_count,
    cast(
        case
            when tables_with_identifiers.table_name is not null then coalesce(days.identified_count, 0)
        end as bigint
    ) as identified_count,
    1 - days.null_count / cast(days.row_count * columns_of_tables.column_count as double) as filled_share,
    case
        when tables_with_identifiers.table_name is not null
            then coalesce(days.identified_count, 0) / cast(days.row_count as double)
    end as identified_share,
    days.measured_on
from days
inner join columns_of_tables
    on columns_of_tables.source_name = days.source_name and columns_of_tables.table_name = days.table_name
left join tables_with_identifiers
    on
        tables_with_identifiers.source_name = days.source_name
        and tables_with_identifiers.table_name = days.table_name
where days.row_count > 0
