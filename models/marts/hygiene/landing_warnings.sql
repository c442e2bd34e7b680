{#-
    What is suspicious in the extracts folder now: about files that count, and of the last look at the folder. Names of
    files and folders may hold an address; it is not published.
-#}
with loaded_files as (
    select
        source_name,
        table_name,
        file_id,
        -- a file that came under the same path since has corrected it
        loaded_at = max(loaded_at) over (partition by source_name, table_name, file_path) as is_last_of_path
    from {{ ref('stg_landing__files') }}
    where status = 'loaded'
),

warnings as (
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
    left join loaded_files
        on
            loaded_files.file_id = warnings.file_id
            and loaded_files.source_name = warnings.source_name
            and loaded_files.table_name = warnings.table_name
    where warnings.file_id is null or loaded_files.is_last_of_path
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
