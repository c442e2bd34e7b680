"""Who is who, where SQL would take a round per link: conflicting links, bridges, fuzzy matches."""
