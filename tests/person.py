"""What a person of the bank pipeline is made of, told once for the tests and apart from the code they test."""

PERSON_FIELDS = (
    "id",
    "name",
    "address",
    "email",
    "birthdate",
    "phone_number",
    "job",
    "company",
    "ssn",
    "blood_group",
    "website",
    "username",
    "bank_account",
)
