{{ local_date('occurred_at') }}
