"""matching of patients with persons of records

Revision ID: 0009
Revises: 0008
"""
import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'record_person_key',
        sa.Column('key', sa.String(length=96), nullable=False),
        sa.Column('origin', sa.String(length=64), nullable=False),
        sa.Column('person', sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint('key', 'origin', 'person', name=op.f('pk_record_person_key')),
    )
    op.create_index('ix_record_person_key_person', 'record_person_key', ['origin', 'person'])
    op.create_table(
        'patient_match',
        sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
        sa.Column('patient_key', sa.String(length=64), nullable=False),
        sa.Column('study_uid', sa.String(length=64), nullable=False),
        sa.Column('query', sa.Text(), nullable=False),
        sa.Column('candidates', sa.Text(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('state', sa.String(length=8), nullable=False),
        sa.Column('origin', sa.String(length=64), nullable=True),
        sa.Column('person', sa.String(length=64), nullable=True),
        sa.Column('asked_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_patient_match')),
        sa.UniqueConstraint('patient_key', name=op.f('uq_patient_match_patient_key')),
    )
    op.create_index(op.f('ix_patient_match_state'), 'patient_match', ['state'])
    op.create_table(
        'patient_match_decision',
        sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
        sa.Column('match_id', sa.Integer(), nullable=False),
        sa.Column('action', sa.String(length=8), nullable=False),
        sa.Column('origin', sa.String(length=64), nullable=True),
        sa.Column('person', sa.String(length=64), nullable=True),
        sa.Column('shown', sa.Text(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('username', sa.String(length=64), nullable=False),
        sa.Column('made_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_patient_match_decision')),
    )
    op.create_index(
        op.f('ix_patient_match_decision_match_id'), 'patient_match_decision', ['match_id']
    )


def downgrade() -> None:
    op.drop_table('patient_match_decision')
    op.drop_table('patient_match')
    op.drop_table('record_person_key')
