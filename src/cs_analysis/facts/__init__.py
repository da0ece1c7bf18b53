"""What several questions share, made in the database: customer spells, account-months, first uses, unit-days."""
