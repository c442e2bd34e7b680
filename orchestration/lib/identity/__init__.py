"""Who is who, where SQL is not enough: phones, conflicting links, bridges, people records without a shared key."""
