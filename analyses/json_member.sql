{{ json_member('json', 'name') }}
