{#-
    What is suspicious in the extracts folder now: about files that count, and of the last look at the folder. Names of
    files and folders may hold an address; it is not published.
-#}
with warnings as (
    select
        warnings.source_name,
        warnings.table_name,
        {{ without_addresses('warnings.place') }} as place,
        warnings.kind,
        coalesce(warnings.column_name, '(none)') as column_name,
        {{ without_addresses('warnings.message') }} as message,
        warnings.row_count,
        warnings.file_id,
        warnings.loaded_at
    from {{ ref('stg_landing__warnings') }} as warnings
    left join {{ ref('stg_landing__files') }} as files
        on
            files.file_id = warnings.file_id
            and files.source_name = warnings.source_name
            and files.table_name = warnings.table_name
    where warnings.file_id is null or files.status = 'loaded'
)

select
    source_name,
    table_name,
    place,
    kind,
    column_name,
    message,
    cast(sum(row_count) as bigint) as row_count,
    cast(count(distinct file_id) as bigint) as file_count,
    min(loaded_at) as first_noted_at
from warnings
group by source_name, table_name, place, kind, column_name, message
