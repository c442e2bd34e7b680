{{ is_name_matched('event_name', 'rule_name') }}
